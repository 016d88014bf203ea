import type { Command } from 'commander';
import type { Shell } from '../../shell.ts';
import { addSettingsChange } from './change.ts';
import { addSettingsGet } from './get.ts';
import { addSettingsList } from './list.ts';

export function addSettingsGroup(program: Command, shell: Shell): void {
  const group = program
    .command('settings')
    .description('what rollouts and choices go on by unless somebody says otherwise');
  addSettingsList(group, shell);
  addSettingsGet(group, shell);
  addSettingsChange(group, shell);
}
