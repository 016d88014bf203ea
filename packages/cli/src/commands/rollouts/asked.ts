/* What `rollouts plan` and `rollouts create` have in common: for whom, to which version, and how it goes on. */
import type { RequestOf } from '@moult/api/client';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import {
  DEFAULT_SPEC,
  type FailuresAllowed,
  PRIORITY_MAX,
  type RolloutSpec,
  selectorTroubles,
  specTroubles,
  type WaveSize,
} from '@moult/core/rollout';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  choice,
  durationMs,
  type PaceOptions,
  paceOf,
  versionOf,
  wholeNumber,
  withPace,
} from '../../describe.ts';
import { SELECTOR_HELP, targetOf } from '../../targets.ts';
import { shareOf, wavesOf } from './waves.ts';

export interface SpecOptions extends PaceOptions {
  readonly waves?: WaveSize[];
  readonly soak?: number;
  readonly maxFailed?: number;
  readonly maxFailedShare?: number;
  readonly minSample?: number;
  readonly success?: number;
  readonly approval?: boolean;
  readonly onError?: 'stop' | 'continue';
  readonly pauseAfter?: number | false;
  readonly force?: boolean;
  readonly rollBack?: RolloutSpec['rollBack'];
  readonly rollBackTo?: string | false;
  readonly goOnAfterRollback?: boolean;
  readonly lateJoiners?: boolean;
  readonly priority?: number;
  readonly onlyWithLauncher?: boolean;
  readonly secondPrincipal?: boolean;
}

export interface AskedOptions extends SpecOptions {
  readonly to: string;
  readonly component: Component;
}

type Asked = RequestOf<'planRollout'>['body'];

export function withAsked(
  command: Command,
  { isVersionNeeded }: { readonly isVersionNeeded: boolean } = { isVersionNeeded: true },
): Command {
  const to = new Option('--to <version>', 'the version that they get').argParser(versionOf);
  return withSpec(
    command
      .argument('<agent...>', `names of agents, or ${SELECTOR_HELP}`)
      .addOption(to.makeOptionMandatory(isVersionNeeded))
      .addOption(choice('--component <component>', 'what to upgrade', COMPONENTS).default('agent')),
  );
}

/** How a rollout goes on: for whatever makes, changes or supposes one. */
export function withSpec(command: Command): Command {
  return withPlace(withPace(withGates(command)));
}

/** Beside other rollouts, and for whom it was not planned. */
function withPlace(command: Command): Command {
  return command
    .option(
      '--late-joiners',
      'agents that match after the start are taken along, in the last wave (not without a selector)',
    )
    .option('--no-late-joiners', 'they are not, whatever the settings say')
    .option(
      '--priority <number>',
      `-${PRIORITY_MAX} to ${PRIORITY_MAX}: of two rollouts that want the same place of a group the higher one has it first (0)`,
      priorityOf,
    );
}

function withGates(command: Command): Command {
  return command
    .option(
      '--waves <sizes>',
      'who goes first: numbers of agents or percent of all, the rest at the end (1,rest)',
      wavesOf,
    )
    .option(
      '--soak <duration>',
      'how long a wave must stay good before the next opens (0)',
      soakMsOf,
    )
    .option(
      '--success <share>',
      'how many of a wave must have succeeded before the next opens, such as 90% (0%)',
      shareOf,
    )
    .option('--approval', 'a person opens each wave after the first: `moult rollouts approve`')
    .option('--no-approval', 'no person does, whatever the settings say')
    .addOption(
      new Option(
        '--max-failed <count>',
        'how many may fail, in all, before it halts by itself (0: the first failure halts)',
      )
        .argParser(wholeNumber)
        .conflicts('maxFailedShare'),
    )
    .option(
      '--max-failed-share <share>',
      'the same as a share of those that are over, such as 5%',
      shareOf,
    )
    .option(
      '--min-sample <count>',
      'with --max-failed-share: how many must be over before it counts (1)',
      wholeNumber,
    )
    .addOption(
      choice(
        '--on-error <what>',
        'continue: it never halts by itself; if the version fails everywhere, the service stops for whole groups (stop)',
        ['stop', 'continue'],
      ),
    )
    .addOption(
      choice(
        '--roll-back <whom>',
        'who goes back to another version after an error: agents that failed, once it has halted all that it has upgraded, or none (failed)',
        ['failed', 'all', 'none'],
      ),
    )
    .option(
      '--roll-back-to <version>',
      'the version that they go back to (each to what it ran before)',
      versionOf,
    )
    .option(
      '--go-on-after-rollback',
      'agents that are back on a working version do not count as failed',
    )
    .option('--no-go-on-after-rollback', 'they do, whatever the settings say')
    .option('--pause-after <count>', 'test mode: it pauses after so many upgrades', wholeNumber)
    .option('--force', 'also a version that a host has refused; never past trust, platform or disk')
    .option('--only-with-launcher', 'leave out agents that run without a launcher')
    .option(
      '--second-principal',
      'somebody else than its maker approves its start: `moult rollouts approve`',
    );
}

/** The same for what changes a rollout. */
export function specGiven(options: SpecOptions): Given {
  const spec = specOf(options);
  const [trouble] = specTroubles({
    ...DEFAULT_SPEC,
    ...{ component: 'agent', version: '0.0.0', ...spec },
  });
  if (trouble !== undefined) throw new CodedError('usage', trouble);
  return spec;
}

/** Throws `usage` for what can be seen here; what is left out is the coordinator's to say. */
export function askedOf(given: readonly string[], options: AskedOptions): Asked {
  const spec = specOf(options);
  const { to: version, component } = options;
  const whole = { ...DEFAULT_SPEC, component, version, ...spec };
  const [trouble] = specTroubles(whole);
  if (trouble !== undefined) throw new CodedError('usage', trouble);
  const target = targetOf(given);
  const [alone] = selectorTroubles(whole, target.select ?? null);
  if (alone !== undefined) throw new CodedError('usage', alone);
  return { ...target, component, version, spec };
}

type Given = Partial<Omit<RolloutSpec, 'component' | 'version' | 'waves'>> & {
  readonly waves?: WaveSize[];
};

function specOf(options: SpecOptions): Given {
  const { waves, soak, success, approval, onError, pauseAfter, force } = options;
  const { lateJoiners, priority } = options;
  const { onlyWithLauncher, secondPrincipal } = options;
  const { rollBack, rollBackTo, goOnAfterRollback } = options;
  const failuresAllowed = failuresAllowedOf(options);
  const pace = paceOf(options);
  return {
    ...(waves === undefined ? {} : { waves }),
    ...(soak === undefined ? {} : { soakMs: soak }),
    ...(success === undefined ? {} : { successShareMin: success }),
    ...(approval === undefined ? {} : { needsApproval: approval }),
    ...(onError === undefined ? {} : { onError }),
    ...(failuresAllowed === undefined ? {} : { failuresAllowed }),
    ...(pauseAfter === undefined ? {} : { pauseAfter: pauseAfter === false ? null : pauseAfter }),
    ...(force === undefined ? {} : { isForced: force }),
    ...(rollBack === undefined ? {} : { rollBack }),
    ...(rollBackTo === undefined ? {} : { rollBackTo: rollBackTo === false ? null : rollBackTo }),
    ...(goOnAfterRollback === undefined ? {} : { goesOnAfterRollBack: goOnAfterRollback }),
    ...(lateJoiners === undefined ? {} : { takesLateJoiners: lateJoiners }),
    ...(priority === undefined ? {} : { priority }),
    ...(pace === undefined ? {} : { pace }),
    ...(onlyWithLauncher === undefined ? {} : { isLauncherNeeded: onlyWithLauncher }),
    ...(secondPrincipal === undefined ? {} : { needsSecondPrincipal: secondPrincipal }),
  };
}

function failuresAllowedOf(options: SpecOptions): FailuresAllowed | undefined {
  const { maxFailed, maxFailedShare, minSample } = options;
  if (maxFailedShare !== undefined)
    return { kind: 'share', max: maxFailedShare, minimumSample: minSample ?? 1 };
  if (minSample !== undefined)
    throw new CodedError('usage', '--min-sample goes with --max-failed-share');
  return maxFailed === undefined ? undefined : { kind: 'count', max: maxFailed };
}

/** `--priority -5`, too. */
function priorityOf(text: string): number {
  if (/^-?\d{1,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`not a whole number from -${PRIORITY_MAX} to ${PRIORITY_MAX}`);
}

/** `0`, too: a wave that does not soak. */
function soakMsOf(text: string): number {
  return text === '0' ? 0 : durationMs(text);
}
