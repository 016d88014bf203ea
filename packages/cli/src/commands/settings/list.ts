import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

interface ListOptions {
  readonly group?: string;
}

export function addSettingsList(group: Command, shell: Shell): void {
  const command = group
    .command('list')
    .description('every setting, and where its value comes from')
    .option('--group <group>', 'as they are for this group');
  withExamples(withOutput(withConnection(command)), [
    { does: 'of the fleet', line: 'moult settings list' },
    { does: 'what holds for a group', line: 'moult settings list --group eu' },
  ]).action(
    shell.action<ListOptions>(async (run, options) => {
      const client = await run.connect();
      const query = options.group === undefined ? {} : { group: options.group };
      const answer = await client.listSettings({ query, signal: run.stop });
      run.output.table(
        answer,
        [
          { title: 'SETTING', cell: ({ key }) => key },
          { title: 'VALUE', cell: ({ value }) => value },
          { title: 'FROM', cell: ({ from }) => from },
          { title: 'BY', cell: ({ changed }) => changed?.by ?? '' },
          { title: 'MEANS', cell: ({ text }) => text },
        ],
        answer.settings,
        'There are no settings.',
      );
      return EXIT.ok;
    }),
  );
}
