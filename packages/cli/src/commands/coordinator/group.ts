import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addCoordinatorAddAdmin } from './add-admin.ts';
import { addCoordinatorAddKeys } from './add-keys.ts';
import { addCoordinatorAdopt } from './adopt.ts';
import { addCoordinatorBackup } from './backup.ts';
import { addCoordinatorInit } from './init.ts';
import { addCoordinatorInstall } from './install.ts';
import { addCoordinatorMaintenance } from './maintenance.ts';
import { addCoordinatorRestore } from './restore.ts';
import { addCoordinatorServe } from './serve.ts';
import { addCoordinatorStatus } from './status.ts';
import { addCoordinatorUninstall } from './uninstall.ts';

export function addCoordinatorGroup(program: Command, shell: Shell): void {
  const group = program.command('coordinator').description('the server');
  addCoordinatorInstall(group, shell);
  addCoordinatorUninstall(group, shell);
  addCoordinatorInit(group, shell);
  addCoordinatorServe(group, shell);
  addCoordinatorAddKeys(group, shell);
  addCoordinatorAddAdmin(group, shell);
  addCoordinatorStatus(group, shell);
  addCoordinatorBackup(group, shell);
  addCoordinatorRestore(group, shell);
  addCoordinatorAdopt(group, shell);
  addCoordinatorMaintenance(group, shell);
}
