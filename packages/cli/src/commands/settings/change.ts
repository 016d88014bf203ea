/* `settings set` and `settings reset`: the same request, with and without a value. */
import { SETTINGS } from '@moult/core/settings';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { settingLines } from './get.ts';

interface ChangeOptions {
  readonly group?: string;
  readonly why?: string;
}

export function addSettingsChange(group: Command, shell: Shell): void {
  const set = group
    .command('set')
    .description('set a setting, of the fleet or of one group')
    .argument('<key>', `one of: ${SETTINGS.map(({ key }) => key).join(', ')}`)
    .argument('<value>', 'in the form that `moult settings get KEY` says');
  withExamples(withOutput(withConnection(withWhom(set))), [
    {
      does: 'rollouts of the fleet begin with two, then a tenth',
      line: 'moult settings set rollout.waves 2,10%,rest --why "change 42"',
    },
    {
      does: 'a group where a choice waits for a person',
      line: 'moult settings set choice.starts no --group eu',
    },
  ]).action(
    shell.action<ChangeOptions, [string, string]>((run, options, [key, value]) =>
      change(run, { key, value, options }),
    ),
  );
  const reset = group
    .command('reset')
    .description('let the fleet’s value hold again for a group, or the default for the fleet')
    .argument('<key>', 'its name');
  withExamples(withOutput(withConnection(withWhom(reset))), [
    { does: 'as the fleet has it', line: 'moult settings reset rollout.waves --group eu' },
  ]).action(
    shell.action<ChangeOptions, [string]>((run, options, [key]) =>
      change(run, { key, value: null, options }),
    ),
  );
}

function withWhom(command: Command): Command {
  return command
    .option('--group <group>', 'for this group, and not for the fleet')
    .option('-m, --why <text>', 'kept in the history');
}

async function change(
  run: Run,
  of: { readonly key: string; readonly value: string | null; readonly options: ChangeOptions },
): Promise<number> {
  const { key, value, options } = of;
  const client = await run.connect();
  const { group, why } = options;
  const setting = await client.changeSetting({
    params: { key },
    body: { value, group, why },
    signal: run.stop,
  });
  run.output.result(setting, () => settingLines(setting));
  return EXIT.ok;
}
