import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addCoordinatorAddKeys } from './add-keys.ts';
import { addCoordinatorInit } from './init.ts';
import { addCoordinatorServe } from './serve.ts';

export function addCoordinatorGroup(program: Command, shell: Shell): void {
  const group = program.command('coordinator').description('the server');
  addCoordinatorInit(group, shell);
  addCoordinatorServe(group, shell);
  addCoordinatorAddKeys(group, shell);
}
