import { CodedError } from '@moult/core/errors';
import { isName } from '@moult/core/name';
import type { Command } from 'commander';
import { withConnection, withExamples, withOutput } from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Run, Shell } from '../../shell.ts';
import { pointingAt } from '../../targets.ts';
import { type AskedOptions, askedOf, specGiven, withAsked } from './asked.ts';
import { PICTURE_HELP, simulationLines } from './simulation-text.ts';

type SimulateOptions = Omit<AskedOptions, 'to'> & { readonly to?: string };

export function addRolloutsSimulate(group: Command, shell: Shell): void {
  const command = withAsked(
    group
      .command('simulate')
      .description(
        'suppose a rollout: in which order, until when, and what stays in service of each group; makes nothing. With the name of a rollout and without --to: that one, as if it started now',
      ),
    { isVersionNeeded: false },
  ).addHelpText('after', PICTURE_HELP);
  withExamples(withOutput(withConnection(command)), [
    { does: 'one that is pending', line: 'moult rollouts simulate spring' },
    {
      does: 'how long would slower waves take?',
      line: 'moult rollouts simulate "group=eu" --to 1.4.0 --waves 1,10%,rest --soak 30m',
    },
  ]).action(
    shell.action<SimulateOptions, [string[]]>(async (run, options, [given]) => {
      const { to } = options;
      const simulation =
        to === undefined
          ? await ofStored(run, given, options)
          : await ofAsked(run, given, { ...options, to });
      run.output.result(simulation, () => simulationLines(simulation));
      return EXIT.ok;
    }),
  );
}

async function ofAsked(run: Run, given: readonly string[], options: AskedOptions) {
  const body = askedOf(given, options);
  const client = await run.connect();
  return await pointingAt(run, body, () => client.simulateRollout({ body, signal: run.stop }));
}

async function ofStored(run: Run, given: readonly string[], options: SimulateOptions) {
  const [rollout = '', ...others] = given;
  if (others.length > 0 || !isName(rollout) || Object.keys(specGiven(options)).length > 0)
    throw new CodedError('usage', '--to is missing: to which version?', {
      remedy:
        'Give the version, or the name of one rollout alone to simulate that: `moult rollouts simulate spring`.',
    });
  const client = await run.connect();
  return await client.simulateStoredRollout({ params: { rollout }, signal: run.stop });
}
