import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { whyLines } from './why-text.ts';

export function addRolloutsWhy(group: Command, shell: Shell): void {
  const command = group
    .command('why')
    .description(
      'what a rollout waits for, who failed or does not move yet, and what would free them',
    )
    .argument('<rollout>', 'its name or id');
  withExamples(withOutput(withConnection(command)), [
    { does: 'one rollout', line: 'moult rollouts why spring' },
    {
      does: 'in a script: how many fail with which code',
      line: `moult rollouts why spring -o json | jq -r '.reasons[] | select(.about == "failed") | "\\(.agents) \\(.reason)"'`,
    },
  ]).action(
    shell.action<object, [string]>(async (run, _options, [name]) => {
      const client = await run.connect();
      const why = await client.whyRollout({ params: { rollout: name }, signal: run.stop });
      run.output.result(why, () => whyLines(why, run.clock.nowMs()));
      return EXIT.ok;
    }),
  );
}
