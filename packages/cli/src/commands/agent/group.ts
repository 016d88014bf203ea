import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';

export function addAgentGroup(program: Command, _shell: Shell): void {
  program.command('agent').description('the agent of this host: enroll, run, status');
}
