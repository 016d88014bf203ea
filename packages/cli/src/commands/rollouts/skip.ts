import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { nowText } from './act.ts';

interface SkipOptions {
  readonly why?: string;
}

export function addRolloutsSkip(group: Command, shell: Shell): void {
  const command = group
    .command('skip')
    .description('leave one agent out of a rollout, until its fetching starts and not after')
    .argument('<rollout>', 'its name or id')
    .argument('<agent>', 'name of the agent')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    { does: 'one agent', line: 'moult rollouts skip spring web-1 --why "under repair"' },
  ]).action(
    shell.action<SkipOptions, [string, string]>(async (run, { why }, [name, agent]) => {
      const client = await run.connect();
      const params = { rollout: name, agent };
      const rollout = await client.skipRolloutAgent({ params, body: { why }, signal: run.stop });
      run.output.result(rollout, () => [`${agent}: skipped`, nowText(rollout, run.clock.nowMs())]);
      return EXIT.ok;
    }),
  );
}
