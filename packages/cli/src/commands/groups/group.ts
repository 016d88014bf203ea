import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addGroupsList } from './list.ts';
import { addGroupsRemove } from './remove.ts';
import { addGroupsSet } from './set.ts';

export function addGroupsGroup(program: Command, shell: Shell): void {
  const group = program
    .command('groups')
    .description('agents that serve together: how many may be upgrading at once');
  addGroupsList(group, shell);
  addGroupsSet(group, shell);
  addGroupsRemove(group, shell);
}
