import type { Command } from 'commander';
import { choice, wholeNumber, withConnection, withExamples, withOutput } from '../describe.ts';
import { EXIT } from '../exit-codes.ts';
import type { Run, Shell } from '../shell.ts';
import { attemptLines } from '../terminal/attempt-text.ts';
import { ABSENT, formatTime } from '../terminal/format.ts';

interface HistoryOptions {
  readonly of: 'upgrades' | 'all';
  readonly rollout?: string;
  readonly limit?: number;
}

/** As many as a screen takes. */
const LIMIT = 20;
/** Of one rollout nothing is left out, unless it is more than the coordinator gives at once: the oldest says who made it. */
const LIMIT_MAX = 1_000;

export function addHistory(program: Command, shell: Shell): void {
  const command = program
    .command('history')
    .description('what happened: each upgrade with its steps, or everything')
    .argument('[agent]', 'only of one agent')
    .addOption(
      choice('--of <what>', 'upgrades, or every entry', ['upgrades', 'all']).default('upgrades'),
    )
    .option('--rollout <rollout>', 'only of one rollout, by name or id')
    .option(
      '--limit <count>',
      `how many at most, the newest (${LIMIT}; of one rollout ${LIMIT_MAX})`,
      wholeNumber,
    );
  withExamples(withOutput(withConnection(command)), [
    { does: 'upgrades of one agent, with the evidence of failures', line: 'moult history web-1' },
    {
      does: 'all that a rollout did, and who said so',
      line: 'moult history --rollout spring --of all',
    },
    { does: 'who did what', line: 'moult history --of all --limit 50' },
  ]).action(
    shell.action<HistoryOptions, [string | undefined]>(async (run, options, [agent]) => {
      const { rollout, limit = rollout === undefined ? LIMIT : LIMIT_MAX } = options;
      if (options.of === 'all') await showEntries(run, { agent, rollout, limit });
      else await showAttempts(run, { agent, rollout, limit });
      return EXIT.ok;
    }),
  );
}

interface Wanted {
  readonly agent: string | undefined;
  readonly rollout: string | undefined;
  readonly limit: number;
}

async function showAttempts(run: Run, query: Wanted): Promise<void> {
  const client = await run.connect();
  const answer = await client.listAttempts({ query, signal: run.stop });
  run.output.result(answer, () =>
    answer.attempts.length === 0
      ? [
          query.rollout === undefined
            ? 'No upgrade has run.'
            : `Nothing of ${query.rollout} has run yet.`,
        ]
      : answer.attempts.flatMap((attempt, index) => [
          ...(index === 0 ? [] : ['']),
          ...attemptLines(attempt),
        ]),
  );
  noteMore(run, answer.attempts.length, answer.next !== null);
}

/** What is left out is the oldest. */
function noteMore(run: Run, shown: number, isMore: boolean): void {
  if (!isMore) return;
  const next = shown < LIMIT_MAX ? ': --limit N' : '';
  run.output.notice(`${shown} of more, the newest${next}`);
}

async function showEntries(run: Run, query: Wanted): Promise<void> {
  const client = await run.connect();
  const answer = await client.listHistory({ query, signal: run.stop });
  run.output.table(
    answer,
    [
      { title: 'POSITION', cell: (entry) => String(entry.position), align: 'right' },
      { title: 'AT', cell: (entry) => formatTime(entry.atMs) },
      { title: 'WHAT', cell: (entry) => entry.kind },
      { title: 'AGENT', cell: (entry) => entry.agent ?? ABSENT },
      { title: 'COMMAND', cell: (entry) => entry.commandId ?? ABSENT },
      { title: 'BY', cell: (entry) => entry.principal },
      { title: 'DETAIL', cell: (entry) => detailText(entry.detail, entry.why) },
    ],
    answer.entries,
    'Nothing has happened yet.',
  );
  noteMore(run, answer.entries.length, answer.next !== null);
}

function detailText(detail: Readonly<Record<string, unknown>>, why: string): string {
  const parts = Object.entries(detail).map(
    ([name, value]) =>
      `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  );
  return [...(why === '' ? [] : [why]), ...parts].join(' ');
}
