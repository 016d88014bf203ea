import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addTasksCancel } from './cancel.ts';
import { addTasksList } from './list.ts';
import { addTasksRun } from './run.ts';
import { addTasksRuns } from './runs.ts';
import { addTasksShow } from './show.ts';

export function addTasksGroup(program: Command, shell: Shell): void {
  const group = program
    .command('tasks')
    .description('programs that hosts allow to be run: order them, follow them, take them back');
  addTasksRun(group, shell);
  addTasksList(group, shell);
  addTasksRuns(group, shell);
  addTasksShow(group, shell);
  addTasksCancel(group, shell);
}
