import type { Command } from 'commander';
import { wholeNumber, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { agentsText } from '../../terminal/names.ts';
import { sizeOf } from './bar.ts';
import { nextOf } from './create.ts';

interface SplitOptions {
  readonly into: number;
  readonly oneByOne?: boolean;
  readonly byGroup?: boolean;
  readonly why?: string;
}

export function addRolloutsSplit(group: Command, shell: Shell): void {
  const command = group
    .command('split')
    .description(
      'make several of one that is pending: NAME-1, NAME-2, …, each with its share of each group; they share what groups can spare',
    )
    .argument('<rollout>', 'its name or id')
    .requiredOption('--into <count>', 'how many', wholeNumber)
    .option('--one-by-one', 'each starts by itself once the one before it has ended well')
    .option('--by-group', 'groups stay whole')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'two, to be started on two days', line: 'moult rollouts split spring --into 2' },
    {
      does: 'three, one after the other, no group in two of them',
      line: 'moult rollouts split spring --into 3 --one-by-one --by-group',
    },
  ]).action(
    shell.action<SplitOptions, [string]>(async (run, options, [rollout]) => {
      const { into, oneByOne: isOneByOne, byGroup: isByGroup, why } = options;
      const client = await run.connect();
      const body = { into, isOneByOne, isByGroup, why };
      const answer = await client.splitRollout({ params: { rollout }, body, signal: run.stop });
      run.output.result(answer, () => [
        ...answer.rollouts.map(({ name, counts, startsAfter }) => {
          const when = startsAfter === null ? '' : `, once ${startsAfter} has ended well`;
          return `${name}: ${agentsText(sizeOf(counts))}${when}`;
        }),
        ...answer.rollouts.slice(0, 1).map((first) => `next: ${nextOf(first)}`),
      ]);
      return EXIT.ok;
    }),
  );
}
