import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addAgentEnroll } from './enroll.ts';
import { addAgentLogs } from './logs.ts';
import { addAgentPin, addAgentPostpone, addAgentUnpin } from './owner.ts';
import { addAgentPinRoot } from './pin-root.ts';
import { addAgentPreflight } from './preflight.ts';
import { addAgentRollback } from './rollback.ts';
import { addAgentRun } from './run.ts';
import { addAgentStatus } from './status.ts';

export function addAgentGroup(program: Command, shell: Shell): void {
  const group = program.command('agent').description('the agent of this host');
  addAgentEnroll(group, shell);
  addAgentLogs(group, shell);
  addAgentPin(group, shell);
  addAgentPinRoot(group, shell);
  addAgentPostpone(group, shell);
  addAgentPreflight(group, shell);
  addAgentRollback(group, shell);
  addAgentRun(group, shell);
  addAgentStatus(group, shell);
  addAgentUnpin(group, shell);
}
