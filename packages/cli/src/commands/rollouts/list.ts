import { ROLLOUT_STATES, type RolloutState } from '@moult/core/rollout';
import type { Command } from 'commander';
import { choice, wholeNumber, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { ABSENT, formatTime } from '../../terminal/format.ts';
import { countsText, overIn, sizeOf } from './bar.ts';
import { stateText } from './rollout-text.ts';

interface ListOptions {
  readonly state?: RolloutState;
  readonly limit: number;
}

const LIMIT = 100;

export function addRolloutsList(group: Command, shell: Shell): void {
  const command = group
    .command('list')
    .description('rollouts, newest first')
    .addOption(choice('--state <state>', 'only those', ROLLOUT_STATES))
    .option('--limit <count>', 'how many at most', wholeNumber, LIMIT);
  withExamples(withOutput(withConnection(command)), [
    { does: 'all of them', line: 'moult rollouts list' },
    { does: 'what is on the way', line: 'moult rollouts list --state running' },
  ]).action(
    shell.action<ListOptions>(async (run, { state, limit }) => {
      const client = await run.connect();
      const answer = await client.listRollouts({ query: { state, limit }, signal: run.stop });
      run.output.table(
        answer,
        [
          { title: 'ROLLOUT', cell: ({ name }) => name },
          { title: 'BRINGS', cell: (row) => `${row.component} ${row.version}` },
          { title: 'STATE', cell: stateText },
          {
            title: 'WAVE',
            cell: ({ wave, waves }) => (wave === null ? ABSENT : `${wave + 1}/${waves.length}`),
          },
          {
            title: 'OVER',
            cell: ({ counts }) => `${overIn(counts)}/${sizeOf(counts)}`,
            align: 'right',
          },
          { title: 'AGENTS', cell: ({ counts }) => countsText(counts) },
          { title: 'MADE', cell: (row) => formatTime(row.createdMs) },
          { title: 'BY', cell: (row) => row.createdBy },
        ],
        answer.rollouts,
        state === undefined
          ? 'There is no rollout yet: `moult rollouts plan` shows what one would do.'
          : `No rollout is ${state}.`,
      );
      return EXIT.ok;
    }),
  );
}
