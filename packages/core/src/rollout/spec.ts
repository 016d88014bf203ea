/* What whoever makes a rollout decides: waves, gates, what happens on errors. Stored as JSON; unreadable ones are refused. */
import { type Component, isComponent } from '../component.ts';
import { isPace, type Pace } from '../upgrade/index.ts';
import { isVersion, type Version } from '../versions.ts';

/** How large a wave is. Percent of all that go; `rest`: everybody who is left. */
export type WaveSize =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'rest' };

/** How many may fail before the rollout is halted. */
export type FailuresAllowed =
  /** `max` of the whole rollout; 0: the first failure halts. */
  | { readonly kind: 'count'; readonly max: number }
  /**
   * Share, 0 to 1, of those that went through, once these are `minimumSample`. Of fewer it halts nobody, but opens no further
   * wave by itself either.
   */
  | { readonly kind: 'share'; readonly max: number; readonly minimumSample: number };

export interface RolloutSpec {
  readonly component: Component;
  readonly version: Version;
  readonly waves: readonly WaveSize[];
  /** How long a wave must stay good before the next opens, ms. */
  readonly soakMs: number;
  /** Share, 0 to 1, that must have succeeded before the next wave opens, of those agents of the wave that went through. */
  readonly successShareMin: number;
  /** A person opens each wave after the first. */
  readonly needsApproval: boolean;
  /** `stop`: halts when more fail than allowed (R3). `continue`: never. */
  readonly onError: 'stop' | 'continue';
  readonly failuresAllowed: FailuresAllowed;
  /** Test mode (R6): pauses by itself after so many upgrades; null: off. */
  readonly pauseAfter: number | null;
  readonly isForced: boolean;
  /** What goes back to another version once a rollout has come to an error (R8): those that failed, all it has upgraded, or none. */
  readonly rollBack: 'failed' | 'all' | 'none';
  /** Where they go back to; null: each to what it ran before. */
  readonly rollBackTo: Version | null;
  /** One that is back on a version that works is no failure. One that could not go back always is. */
  readonly goesOnAfterRollBack: boolean;
  /** Agents that match the selector after the start are taken along (P3). */
  readonly takesLateJoiners: boolean;
  /** Of two rollouts that want the same place of a group the higher one has it first (P5): -100 to 100. */
  readonly priority: number;
  /** `soft`: at the agent's next idle time. `fetch-only`: everything is made ready, and nothing switched (P5). */
  readonly pace: Pace;
  /** Only agents with a launcher (H14). */
  readonly isLauncherNeeded: boolean;
  /** Another person than its maker approves it before it starts. */
  readonly needsSecondPrincipal: boolean;
}

export const WAVES_MAX = 50;
export const SOAK_MS_MAX: number = 30 * 86_400_000;
export const PRIORITY_MAX = 100;
/** Of one rollout that takes nobody from their work: so many at once fetch what they lack. */
export const FETCHES_MAX = 50;

/** What specs that were stored before say nothing of. */
const SINCE_SCHEMA_9 = {
  rollBack: 'failed',
  rollBackTo: null,
  goesOnAfterRollBack: false,
  takesLateJoiners: false,
  priority: 0,
  pace: 'now',
  isLauncherNeeded: false,
  needsSecondPrincipal: false,
} as const;

/** One canary, then everybody; the first failure halts. */
export const DEFAULT_SPEC: Readonly<Omit<RolloutSpec, 'component' | 'version'>> = {
  waves: [{ kind: 'count', count: 1 }, { kind: 'rest' }],
  soakMs: 0,
  successShareMin: 0,
  needsApproval: false,
  onError: 'stop',
  failuresAllowed: { kind: 'count', max: 0 },
  pauseAfter: null,
  isForced: false,
  ...SINCE_SCHEMA_9,
};

const KEYS: ReadonlySet<string> = new Set(['component', 'version', ...Object.keys(DEFAULT_SPEC)]);

/** What is wrong with it, in words for whoever made it; empty: nothing. Believes no type: it may have been stored by another version. */
export function specTroubles(spec: RolloutSpec): readonly string[] {
  const { component, version, soakMs, successShareMin, onError, pauseAfter } = spec;
  const troubles: string[] = [];
  if (!isComponent(component)) troubles.push(`${component} is no component`);
  if (typeof version !== 'string' || !isVersion(version)) troubles.push(`${version} is no version`);
  troubles.push(...waveTroubles(spec.waves));
  if (!isWhole(soakMs, 0, SOAK_MS_MAX)) troubles.push('a wave soaks for 0 s to 30 days');
  if (!isShare(successShareMin)) troubles.push('the share that must succeed is 0 to 1');
  if (typeof spec.needsApproval !== 'boolean') troubles.push('it needs approval, or not');
  if (!['stop', 'continue'].includes(onError))
    troubles.push('on an error it is to stop or to continue');
  troubles.push(...allowedTroubles(spec.failuresAllowed));
  if (pauseAfter !== null && !isWhole(pauseAfter, 1, Number.MAX_SAFE_INTEGER))
    troubles.push('test mode pauses after one upgrade at least');
  troubles.push(...flagTroubles(spec), ...rollBackTroubles(spec));
  if (!isWhole(spec.priority, -PRIORITY_MAX, PRIORITY_MAX))
    troubles.push(`a priority is a whole number, -${PRIORITY_MAX} to ${PRIORITY_MAX}`);
  if (!isPace(spec.pace)) troubles.push('its pace is now, soft or fetch-only');
  for (const key of Object.keys(spec)) {
    // RO6: it may be a gate, of a version of the coordinator that was gone back from.
    if (!KEYS.has(key)) troubles.push(`what ${key} says is not known`);
  }
  return troubles;
}

/** What is wrong with it for whom it is made. Null: agents by name. */
export function selectorTroubles(spec: RolloutSpec, selector: string | null): readonly string[] {
  return spec.takesLateJoiners && selector === null
    ? ['late joiners come by a selector; this one is for agents by name']
    : [];
}

function flagTroubles(spec: RolloutSpec): readonly string[] {
  const flags = {
    'it is forced, or not': spec.isForced,
    'it goes on after a rollback, or not': spec.goesOnAfterRollBack,
    'it takes late joiners, or not': spec.takesLateJoiners,
    'a launcher is needed, or not': spec.isLauncherNeeded,
    'a second principal is needed, or not': spec.needsSecondPrincipal,
  };
  return Object.entries(flags).flatMap(([trouble, flag]) =>
    typeof flag === 'boolean' ? [] : [trouble],
  );
}

function rollBackTroubles({ rollBack, rollBackTo, version, pace }: RolloutSpec): readonly string[] {
  const troubles: string[] = [];
  if (pace === 'fetch-only' && rollBack === 'all')
    troubles.push('nothing is given where versions are only fetched, so that nothing goes back');
  if (!['failed', 'all', 'none'].includes(rollBack))
    troubles.push('what goes back is failed, all or none');
  if (rollBackTo === null) return troubles;
  if (typeof rollBackTo !== 'string' || !isVersion(rollBackTo))
    troubles.push(`${rollBackTo} is no version to go back to`);
  if (rollBackTo === version) troubles.push(`${version} is the version that would be left`);
  if (rollBack === 'none') troubles.push(`nobody goes back, and ${rollBackTo} is where they would`);
  return troubles;
}

export function waveTroubles(waves: readonly WaveSize[]): readonly string[] {
  const troubles: string[] = [];
  if (waves.length === 0 || waves.length > WAVES_MAX)
    troubles.push(`there are ${waves.length} waves; 1 to ${WAVES_MAX} are possible`);
  if (waves.slice(0, -1).some(({ kind }) => kind === 'rest'))
    troubles.push('only the last wave can be the rest');
  if (waves.at(-1)?.kind !== 'rest') troubles.push('the last wave must be the rest');
  for (const wave of waves) {
    if (wave.kind === 'count') {
      if (!isWhole(wave.count, 1, Number.MAX_SAFE_INTEGER))
        troubles.push(`a wave of ${wave.count} agents is none: 1 or more`);
    } else if (wave.kind === 'percent') {
      if (!isNumber(wave.percent, 0, 100) || wave.percent === 0)
        troubles.push(`a wave of ${wave.percent} % is none: more than 0 %, 100 % at most`);
    } else if (wave.kind !== 'rest') troubles.push('a wave is a count, a percentage or the rest');
  }
  return troubles;
}

function allowedTroubles(allowed: FailuresAllowed): readonly string[] {
  if (allowed.kind === 'count') {
    return isWhole(allowed.max, 0, Number.MAX_SAFE_INTEGER)
      ? []
      : ['the number that may fail is a whole one, 0 or more'];
  }
  if (allowed.kind !== 'share') return ['what may fail is a count or a share'];
  const troubles: string[] = [];
  if (!isShare(allowed.max)) troubles.push('the share that may fail is 0 to 1');
  if (!isWhole(allowed.minimumSample, 1, Number.MAX_SAFE_INTEGER))
    troubles.push('a sample is one agent at least');
  return troubles;
}

/** Null: it cannot be read, and what it would allow is not known (RO6: then nothing is). */
export function readSpec(text: string): RolloutSpec | null {
  try {
    const spec = { ...SINCE_SCHEMA_9, ...JSON.parse(text) } as RolloutSpec;
    return specTroubles(spec).length === 0 ? spec : null;
  } catch {
    return null;
  }
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function isShare(value: number): boolean {
  return isNumber(value, 0, 1);
}

function isNumber(value: number, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}
