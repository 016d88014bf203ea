import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { agentsText, namesText } from '../../terminal/names.ts';
import { nowText } from './act.ts';

interface RetryOptions {
  readonly why?: string;
}

const NAMES_SHOWN_MAX = 20;

export function addRolloutsRetry(group: Command, shell: Shell): void {
  const command = group
    .command('retry')
    .description(
      'put agents that failed, or were rolled back, in the line again; of a rollout that is not over',
    )
    .argument('<rollout>', 'its name or id')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'after the cause was mended',
      line: 'moult rollouts retry spring --why "disks emptied"',
    },
  ]).action(
    shell.action<RetryOptions, [string]>(async (run, { why }, [name]) => {
      const client = await run.connect();
      const request = { params: { rollout: name }, body: { why }, signal: run.stop };
      const answer = await client.retryRollout(request);
      const { agents, rollout } = answer;
      run.output.result(answer, () => [
        agents.length === 0
          ? 'Nobody has failed, or was rolled back.'
          : `${agentsText(agents.length)} again: ${namesText(agents, NAMES_SHOWN_MAX)}`,
        nowText(rollout, run.clock.nowMs()),
        ...(rollout.state === 'halted' && agents.length > 0
          ? [`next: moult rollouts resume ${rollout.name}`]
          : []),
      ]);
      return EXIT.ok;
    }),
  );
}
