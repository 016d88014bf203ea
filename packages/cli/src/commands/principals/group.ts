import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addPrincipalsAdd } from './add.ts';
import { addPrincipalsList } from './list.ts';
import { addPrincipalsRevoke } from './revoke.ts';
import { addPrincipalsRole } from './role.ts';

export function addPrincipalsGroup(program: Command, shell: Shell): void {
  const group = program
    .command('principals')
    .description('people and scripts that use the coordinator, and what each may do');
  addPrincipalsList(group, shell);
  addPrincipalsAdd(group, shell);
  addPrincipalsRole(group, shell);
  addPrincipalsRevoke(group, shell);
}
