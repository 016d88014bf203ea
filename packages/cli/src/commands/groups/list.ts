import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';

export function addGroupsList(group: Command, shell: Shell): void {
  const command = group
    .command('list')
    .description('groups, with their agents and how many of these may be upgrading at once');
  withExamples(withOutput(withConnection(command)), [
    { does: 'all of them', line: 'moult groups list' },
  ]).action(
    shell.action(async (run) => {
      const client = await run.connect();
      const answer = await client.listGroups({ signal: run.stop });
      run.output.table(
        answer,
        [
          { title: 'GROUP', cell: ({ name }) => name },
          { title: 'AGENTS', cell: ({ agents }) => String(agents), align: 'right' },
          {
            title: 'MAX UNAVAILABLE',
            cell: ({ unavailableMax }) => String(unavailableMax),
            align: 'right',
          },
        ],
        answer.groups,
        'There is no group yet: an agent brings its own when it is enrolled.',
      );
      return EXIT.ok;
    }),
  );
}
