import type { Command } from 'commander';
import { choice, wholeNumber, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { ABSENT, formatTime } from '../../terminal/format.ts';
import { orderTextOf } from '../../terminal/order-text.ts';

interface ListOptions {
  readonly agent?: string;
  readonly state: 'open' | 'ended' | 'all';
  readonly limit: number;
}

const LIMIT = 100;

export function addCommandsList(group: Command, shell: Shell): void {
  const command = group
    .command('list')
    .description('commands, newest first')
    .option('--agent <agent>', 'only those of one agent')
    .addOption(choice('--state <state>', 'which', ['open', 'ended', 'all']).default('all'))
    .option('--limit <count>', 'how many at most', wholeNumber, LIMIT);
  withExamples(withOutput(withConnection(command)), [
    { does: 'what is not done yet', line: 'moult commands list --state open' },
    { does: 'of one agent', line: 'moult commands list --agent web-1' },
  ]).action(
    shell.action<ListOptions>(async (run, { agent, state, limit }) => {
      const client = await run.connect();
      const answer = await client.listCommands({
        query: { agent, state, limit },
        signal: run.stop,
      });
      run.output.table(
        answer,
        [
          { title: 'COMMAND', cell: ({ id }) => id },
          { title: 'AGENT', cell: (row) => row.agent },
          { title: 'WHAT', cell: (row) => orderTextOf(row) },
          { title: 'STATE', cell: (row) => row.state },
          { title: 'HELD BY', cell: (row) => row.holdReason ?? ABSENT },
          { title: 'TRY', cell: (row) => String(row.attempt), align: 'right' },
          { title: 'CREATED', cell: (row) => formatTime(row.createdMs) },
          { title: 'BY', cell: (row) => row.createdBy },
        ],
        answer.commands,
        'There are no such commands.',
      );
      return EXIT.ok;
    }),
  );
}
