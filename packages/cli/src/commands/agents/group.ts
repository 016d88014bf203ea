import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addAgentsDesired } from './desired.ts';
import { addAgentsList } from './list.ts';
import { addAgentsShow } from './show.ts';
import { addAgentsUpgrade } from './upgrade.ts';
import { addAgentsValidate } from './validate.ts';

export function addAgentsGroup(program: Command, shell: Shell): void {
  const group = program
    .command('agents')
    .description('the fleet: see agents, validate and upgrade them');
  addAgentsList(group, shell);
  addAgentsShow(group, shell);
  addAgentsValidate(group, shell);
  addAgentsDesired(group, shell);
  addAgentsUpgrade(group, shell);
}
