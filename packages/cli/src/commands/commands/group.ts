import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addCommandsList } from './list.ts';
import { addCommandsShow } from './show.ts';
import { addCommandsTakeBack } from './take-back.ts';

export function addCommandsGroup(program: Command, shell: Shell): void {
  const group = program
    .command('commands')
    .description('the orders to agents, and what became of them');
  addCommandsList(group, shell);
  addCommandsShow(group, shell);
  for (const verb of ['revoke', 'skip'] as const) addCommandsTakeBack(group, shell, verb);
}
