import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addLauncherRun } from './run.ts';

export function addLauncherGroup(program: Command, shell: Shell): void {
  const group = program
    .command('launcher')
    .description('the small parent of an agent, on this host');
  addLauncherRun(group, shell);
}
