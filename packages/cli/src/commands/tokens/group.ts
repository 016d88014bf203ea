import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addTokensCreate } from './create.ts';
import { addTokensList } from './list.ts';
import { addTokensRevoke } from './revoke.ts';

export function addTokensGroup(program: Command, shell: Shell): void {
  const group = program
    .command('tokens')
    .description('tokens for enrolling agents and for people and scripts');
  addTokensCreate(group, shell);
  addTokensList(group, shell);
  addTokensRevoke(group, shell);
}
