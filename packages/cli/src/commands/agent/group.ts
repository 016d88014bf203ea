import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addAgentEnroll } from './enroll.ts';
import { addAgentInstall } from './install.ts';
import { addAgentLogs } from './logs.ts';
import { addAgentPin, addAgentPostpone, addAgentUnpin } from './owner.ts';
import { addAgentPinRoot } from './pin-root.ts';
import { addAgentPreflight } from './preflight.ts';
import { addAgentPrepareImage } from './prepare-image.ts';
import { addAgentRollback } from './rollback.ts';
import { addAgentRun } from './run.ts';
import { addAgentStatus } from './status.ts';
import { addAgentUninstall } from './uninstall.ts';

export function addAgentGroup(program: Command, shell: Shell): void {
  const group = program.command('agent').description('the agent of this host');
  addAgentInstall(group, shell);
  addAgentUninstall(group, shell);
  addAgentPrepareImage(group, shell);
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
