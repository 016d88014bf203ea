import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';

export function addCoordinatorGroup(program: Command, _shell: Shell): void {
  program.command('coordinator').description('the server');
}
