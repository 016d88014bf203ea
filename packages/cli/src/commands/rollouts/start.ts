import { type Command, Option } from 'commander';
import { timeOf, withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { nowText } from './act.ts';

interface StartOptions {
  readonly why?: string;
  readonly at?: number;
  readonly asPlanned?: boolean;
}

export function addRolloutsStart(group: Command, shell: Shell): void {
  const command = group
    .command('start')
    .description(
      'start a rollout that is pending; refused where what agents report has changed who goes since it was planned',
    )
    .argument('<rollout>', 'its name or id')
    .option('-m, --why <text>', 'kept in the history')
    .addOption(new Option('--as-planned', 'also where its plan went stale').conflicts('at'))
    .addOption(
      new Option(
        '--at <time>',
        'it starts by itself then, planned anew (2026-12-01T02:00Z)',
      ).argParser(timeOf),
    );
  withExamples(withOutput(withConnection(command)), [
    { does: 'now', line: 'moult rollouts start spring --why "change 42"' },
    { does: 'at night', line: 'moult rollouts start spring --at 2026-12-01T02:00Z' },
  ]).action(
    shell.action<StartOptions, [string]>(async (run, options, [name]) => {
      const { why, at: startsMs, asPlanned } = options;
      const client = await run.connect();
      const body = { why, startsMs, asPlanned };
      const request = { params: { rollout: name }, body, signal: run.stop };
      const rollout = await client.startRollout(request);
      run.output.result(rollout, () => [nowText(rollout, run.clock.nowMs())]);
      return EXIT.ok;
    }),
  );
}
