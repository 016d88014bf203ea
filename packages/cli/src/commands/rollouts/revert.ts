import type { Rollout } from '@moult/api';
import type { Command } from 'commander';
import { nameOf, versionOf, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import { newKey, ordering } from '../../ordering.ts';
import type { Shell } from '../../shell.ts';
import { type SpecOptions, specGiven, withSpec } from './asked.ts';
import { createdLines, started } from './create.ts';
import { cannotLines } from './plan-text.ts';

interface RevertOptions extends SpecOptions {
  readonly to?: string;
  readonly name?: string;
  readonly start?: boolean;
  readonly key?: string;
  readonly why?: string;
}

export function addRolloutsRevert(group: Command, shell: Shell): void {
  const command = withSpec(
    group
      .command('revert')
      .description(
        'take back what a rollout has upgraded, by rollouts of their own: each agent to the version that it ran before, or all to one; of what is over, paused or halted',
      )
      .argument('<rollout>', 'its name or id')
      .option('--to <version>', 'all to this one; without it each to what it ran before', versionOf)
      .option('--name <name>', 'of what is made; without it NAME-revert', nameOf),
  )
    .option('--start', 'start it at once')
    .option('--key <key>', 'the same key makes nothing twice')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'everybody to what they ran before, at once',
      line: 'moult rollouts revert spring --waves rest --start --why "1.4.0 leaks"',
    },
    { does: 'to one version', line: 'moult rollouts revert spring --to 1.3.2' },
  ]).action(
    shell.action<RevertOptions, [string]>(async (run, options, [rollout]) => {
      const { to: version, name, why } = options;
      const key = options.key ?? newKey(run);
      const body = { version, name, why, key, spec: specGiven(options) };
      const client = await run.connect();
      const answer = await ordering(run, key, () =>
        client.revertRollout({ params: { rollout }, body, signal: run.stop }),
      );
      const rollouts: Rollout[] = [];
      for (const made of answer.rollouts)
        rollouts.push(options.start === true ? await started(run, client, made, why) : made);
      run.output.result({ ...answer, rollouts }, () => [
        ...rollouts.flatMap(createdLines),
        ...cannotLines(answer.cannot),
      ]);
      return EXIT.ok;
    }),
  );
}
