import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addAgentEnroll } from './enroll.ts';
import { addAgentPin } from './pin.ts';
import { addAgentRun } from './run.ts';
import { addAgentStatus } from './status.ts';

export function addAgentGroup(program: Command, shell: Shell): void {
  const group = program.command('agent').description('the agent of this host');
  addAgentEnroll(group, shell);
  addAgentPin(group, shell);
  addAgentRun(group, shell);
  addAgentStatus(group, shell);
}
