import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { ACTS, addRolloutsAct } from './act.ts';
import { addRolloutsCancel } from './cancel.ts';
import { addRolloutsCreate } from './create.ts';
import { addRolloutsEdit } from './edit.ts';
import { addRolloutsList } from './list.ts';
import { addRolloutsPlan } from './plan.ts';
import { addRolloutsReport } from './report.ts';
import { addRolloutsRetry } from './retry.ts';
import { addRolloutsRevert } from './revert.ts';
import { addRolloutsSimulate } from './simulate.ts';
import { addRolloutsSkip } from './skip.ts';
import { addRolloutsSplit } from './split.ts';
import { addRolloutsStart } from './start.ts';
import { addRolloutsStatus } from './status.ts';
import { addRolloutsWatch } from './watch.ts';
import { addRolloutsWhy } from './why.ts';

export function addRolloutsGroup(program: Command, shell: Shell): void {
  const group = program
    .command('rollouts')
    .description('bring a version to many agents, in waves: plan, start, watch, stop');
  addRolloutsPlan(group, shell);
  addRolloutsSimulate(group, shell);
  addRolloutsCreate(group, shell);
  addRolloutsEdit(group, shell);
  addRolloutsSplit(group, shell);
  addRolloutsStart(group, shell);
  addRolloutsList(group, shell);
  addRolloutsStatus(group, shell);
  addRolloutsWatch(group, shell);
  addRolloutsWhy(group, shell);
  for (const act of ACTS) addRolloutsAct(group, shell, act);
  addRolloutsCancel(group, shell);
  addRolloutsSkip(group, shell);
  addRolloutsRetry(group, shell);
  addRolloutsRevert(group, shell);
  addRolloutsReport(group, shell);
}
