import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { type Command, Option } from 'commander';
import {
  choice,
  nameOf,
  timeOf,
  versionOf,
  withConnection,
  withExamples,
  withOutput,
} from '../../describe.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Shell } from '../../shell.ts';
import { pointingAt } from '../../targets.ts';
import { type SpecOptions, specGiven, withSpec } from './asked.ts';
import { createdLines } from './create.ts';

interface EditOptions extends SpecOptions {
  readonly select?: string;
  readonly agent?: string[];
  readonly to?: string;
  readonly component?: Component;
  readonly name?: string;
  readonly at?: number | false;
  readonly draft?: boolean;
  readonly now?: boolean;
  readonly why?: string;
}

export function addRolloutsEdit(group: Command, shell: Shell): void {
  const command = withSpec(
    group
      .command('edit')
      .description(
        'change a rollout that has not started, and plan it anew; what is left out stays, an approval that it had is gone',
      )
      .argument('<rollout>', 'its name or id')
      .option('--select <selector>', 'for these agents instead (docs/selectors.md)')
      .addOption(new Option('--agent <name...>', 'for these agents instead').conflicts('select'))
      .option('--to <version>', 'the version that they get', versionOf)
      .addOption(choice('--component <component>', 'what to upgrade', COMPONENTS))
      .option('--name <name>', 'another name for it', nameOf),
  )
    .option('--no-force', 'it is not forced')
    .option('--no-only-with-launcher', 'agents without a launcher, too')
    .option('--no-second-principal', 'nobody else approves its start')
    .option('--no-pause-after', 'no test mode')
    .option('--no-roll-back-to', 'who goes back goes to what it ran before')
    .addOption(
      new Option('--now', 'each upgrades at its turn: neither --soft nor --fetch-only').conflicts([
        'soft',
        'fetchOnly',
      ]),
    )
    .addOption(
      new Option('--at <time>', 'it starts by itself then (2026-12-01T02:00Z)').argParser(timeOf),
    )
    .option('--no-at', 'a person starts it')
    .option('--draft', 'leave it a draft')
    .option('-m, --why <text>', 'kept in the history');
  withExamples(withOutput(withConnection(command)), [
    {
      does: 'more agents, slower',
      line: 'moult rollouts edit spring --select "group=eu" --soak 1h',
    },
    {
      does: 'another version',
      line: 'moult rollouts edit spring --to 1.4.1 --why "1.4.0 is slow"',
    },
  ]).action(
    shell.action<EditOptions, [string]>(async (run, options, [rollout]) => {
      const body = bodyOf(options);
      const client = await run.connect();
      const edited = await pointingAt(run, body, () =>
        client.editRollout({ params: { rollout }, body, signal: run.stop }),
      );
      run.output.result(edited, () => createdLines(edited));
      return EXIT.ok;
    }),
  );
}

function bodyOf(options: EditOptions) {
  const { select, agent: agents, to: version, component, name, at, why } = options;
  const spec = { ...specGiven(options), ...(options.now === true ? { pace: 'now' as const } : {}) };
  const given = { select, agents, version, component, name, at, ...spec };
  if (Object.values(given).every((one) => one === undefined) && options.draft !== true)
    throw new CodedError('usage', 'nothing was given that would change it', {
      remedy: 'Say what changes: `moult rollouts edit --help`.',
    });
  return {
    ...{ select, agents, version, component, name, spec, why },
    ...(at === undefined ? {} : { startsMs: at === false ? null : at }),
    isDraft: options.draft === true,
  };
}
