import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt } from '../../targets.ts';
import { type AskedOptions, askedOf, withAsked } from './asked.ts';
import { planLines } from './plan-text.ts';

interface PlanOptions extends AskedOptions {
  readonly detailedExitcode?: boolean;
}

export function addRolloutsPlan(group: Command, shell: Shell): void {
  const command = withAsked(
    group
      .command('plan')
      .description(
        'say who would be upgraded, in which waves, who is there already and who cannot; makes nothing',
      ),
  ).option('--detailed-exitcode', 'end with 0 nothing to do, 8 there is something to do');
  withExamples(withOutput(withConnection(command)), [
    { does: 'the whole fleet', line: 'moult rollouts plan "agent=*" --to 1.4.0' },
    {
      does: 'one agent, then a tenth, then the rest',
      line: 'moult rollouts plan "group=eu" --to 1.4.0 --waves 1,10%,rest',
    },
    {
      does: 'in a script: is there anything to do?',
      line: 'moult rollouts plan "agent=*" --to 1.4.0 --detailed-exitcode -q',
    },
  ]).action(
    shell.action<PlanOptions, [string[]]>(async (run, options, [given]) => {
      const body = askedOf(given, options);
      const client = await run.connect();
      const plan = await pointingAt(run, body, () =>
        client.planRollout({ body, signal: run.stop }),
      );
      run.output.result(plan, () => planLines(plan, `${options.component} to ${options.to}`));
      const hasWork = plan.members.length > 0;
      return options.detailedExitcode === true && hasWork ? EXIT.pending : EXIT.ok;
    }),
  );
}
