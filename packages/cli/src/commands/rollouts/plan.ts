import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt } from '../../targets.ts';
import { type AskedOptions, askedOf, withAsked } from './asked.ts';
import { exitCodeOf, planStored } from './plan-stored.ts';
import { planLines } from './plan-text.ts';

interface PlanOptions extends Omit<AskedOptions, 'to'> {
  readonly to?: string;
  readonly detailedExitcode?: boolean;
}

export function addRolloutsPlan(group: Command, shell: Shell): void {
  const command = withAsked(
    group
      .command('plan')
      .description(
        'say who would be upgraded, in which waves, who is there already and who cannot; makes nothing. With the name of a rollout and without --to: plan that one, anew',
      ),
    { isVersionNeeded: false },
  ).option('--detailed-exitcode', 'end with 0 nothing to do, 8 there is something to do');
  withExamples(withOutput(withConnection(command)), [
    { does: 'the whole fleet', line: 'moult rollouts plan "agent=*" --to 1.4.0' },
    {
      does: 'one agent, then a tenth, then the rest',
      line: 'moult rollouts plan "group=eu" --to 1.4.0 --waves 1,10%,rest',
    },
    { does: 'a draft, or again what has not started', line: 'moult rollouts plan spring' },
    {
      does: 'in a script: is there anything to do?',
      line: 'moult rollouts plan "agent=*" --to 1.4.0 --detailed-exitcode -q',
    },
  ]).action(
    shell.action<PlanOptions, [string[]]>(async (run, options, [given]) => {
      if (options.to === undefined) return await planStored(run, given, options);
      const { to } = options;
      const body = askedOf(given, { ...options, to });
      const client = await run.connect();
      const plan = await pointingAt(run, body, () =>
        client.planRollout({ body, signal: run.stop }),
      );
      run.output.result(plan, () => planLines(plan, `${options.component} to ${to}`));
      return exitCodeOf(plan, options);
    }),
  );
}
