import type { ResponseOf } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import { settingNamed } from '@moult/core/settings';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { formatTime } from '../../terminal/format.ts';

interface GetOptions {
  readonly group?: string;
}

export function addSettingsGet(group: Command, shell: Shell): void {
  const command = group
    .command('get')
    .description('one setting: its value, who set it and why, and what it means')
    .argument('<key>', 'its name, as `moult settings list` shows it')
    .option('--group <group>', 'as it is for this group');
  withExamples(withOutput(withConnection(command)), [
    { does: 'what happens on an error', line: 'moult settings get rollout.on-error' },
  ]).action(
    shell.action<GetOptions, [string]>(async (run, options, [key]) => {
      const client = await run.connect();
      const query = options.group === undefined ? {} : { group: options.group };
      const { settings } = await client.listSettings({ query, signal: run.stop });
      const setting = settings.find((one) => one.key === key);
      // One that the coordinator does not know: with the name that was meant, where there is one.
      if (setting === undefined)
        throw new CodedError('setting-unknown', `the coordinator has no ${settingNamed(key).key}`);
      run.output.result(setting, () => settingLines(setting));
      return EXIT.ok;
    }),
  );
}

type Setting = ResponseOf<'changeSetting'>;

export function settingLines(setting: Setting): readonly string[] {
  const { key, value, from, changed, text, form } = setting;
  const by =
    changed === null
      ? ''
      : `, by ${changed.by} ${formatTime(changed.atMs)}${changed.why === '' ? '' : `: ${changed.why}`}`;
  return [`${key}: ${value} (${from}${by})`, `  ${text}`, `  ${form}; default ${setting.default}`];
}
