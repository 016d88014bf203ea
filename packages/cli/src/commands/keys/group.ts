import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addKeysInit } from './init.ts';
import { addKeysRenew } from './renew.ts';
import { addKeysRotate } from './rotate.ts';

export function addKeysGroup(program: Command, shell: Shell): void {
  const group = program.command('keys').description('the keys that sign releases');
  addKeysInit(group, shell);
  addKeysRotate(group, shell);
  addKeysRenew(group, shell);
}
