import { CONTROL_KINDS } from '@moult/core/command';
import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addAgentsControl } from './control.ts';
import { addAgentsDesired } from './desired.ts';
import { addAgentsLabel } from './label.ts';
import { addAgentsList } from './list.ts';
import { addAgentsMove } from './move.ts';
import { addAgentsReleaseQuarantine } from './release-quarantine.ts';
import { addAgentsRemove } from './remove.ts';
import { addAgentsRename } from './rename.ts';
import { addAgentsShow } from './show.ts';
import { addAgentsUpgrade } from './upgrade.ts';
import { addAgentsValidate } from './validate.ts';
import { addAgentsVersions } from './versions.ts';

export function addAgentsGroup(program: Command, shell: Shell): void {
  const group = program
    .command('agents')
    .description('the fleet: see agents, validate, upgrade, pause and remove them');
  addAgentsList(group, shell);
  addAgentsShow(group, shell);
  addAgentsValidate(group, shell);
  addAgentsMove(group, shell);
  addAgentsLabel(group, shell);
  addAgentsRename(group, shell);
  addAgentsReleaseQuarantine(group, shell);
  addAgentsVersions(group, shell);
  addAgentsDesired(group, shell);
  addAgentsUpgrade(group, shell);
  for (const action of CONTROL_KINDS) addAgentsControl(group, shell, action);
  addAgentsRemove(group, shell);
}
