/* What whoever makes a rollout decides: waves, gates, what happens on errors. Stored as JSON; unreadable ones are refused. */
import type { Component } from '../component.ts';
import type { Version } from '../versions.ts';

/** How large a wave is. Percent of all that go; `rest`: everybody who is left. */
export type WaveSize =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'rest' };

/** How many may fail before the rollout is halted. */
export type FailuresAllowed =
  /** `max` of the whole rollout; 0: the first failure halts. */
  | { readonly kind: 'count'; readonly max: number }
  /** Share, 0 to 1, of those that are over, once these are `minimumSample`; before, the first failure of a sample too small waits for more. */
  | { readonly kind: 'share'; readonly max: number; readonly minimumSample: number };

export interface RolloutSpec {
  readonly component: Component;
  readonly version: Version;
  readonly waves: readonly WaveSize[];
  /** How long a wave must stay good before the next opens, ms. */
  readonly soakMs: number;
  /** Share, 0 to 1, of a wave's agents that must have succeeded before the next opens. */
  readonly successShareMin: number;
  /** A person opens each wave after the first. */
  readonly needsApproval: boolean;
  /** `stop`: halts when more fail than allowed (R3). `continue`: never. */
  readonly onError: 'stop' | 'continue';
  readonly failuresAllowed: FailuresAllowed;
  /** Test mode (R6): pauses by itself after so many upgrades; null: off. */
  readonly pauseAfter: number | null;
  readonly isForced: boolean;
}

export const WAVES_MAX = 50;
export const SOAK_MS_MAX: number = 30 * 86_400_000;

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
};

/** What is wrong with it, in words for whoever made it; empty: nothing. */
export function specTroubles(spec: RolloutSpec): readonly string[] {
  const { waves, soakMs, successShareMin, failuresAllowed, pauseAfter } = spec;
  const troubles: string[] = [];
  if (waves.length === 0 || waves.length > WAVES_MAX)
    troubles.push(`there are ${waves.length} waves; 1 to ${WAVES_MAX} are possible`);
  if (waves.slice(0, -1).some(({ kind }) => kind === 'rest'))
    troubles.push('only the last wave can be the rest');
  if (waves.at(-1)?.kind !== 'rest') troubles.push('the last wave must be the rest');
  for (const wave of waves) {
    if (wave.kind === 'count' && !isWhole(wave.count, 1, Number.MAX_SAFE_INTEGER))
      troubles.push(`a wave of ${wave.count} agents is none`);
    if (wave.kind === 'percent' && !(wave.percent > 0 && wave.percent <= 100))
      troubles.push(`a wave of ${wave.percent} % is none`);
  }
  if (!isWhole(soakMs, 0, SOAK_MS_MAX)) troubles.push('a wave soaks for 0 s to 30 days');
  if (!isShare(successShareMin)) troubles.push('the share that must succeed is 0 to 1');
  if (failuresAllowed.kind === 'count') {
    if (!isWhole(failuresAllowed.max, 0, Number.MAX_SAFE_INTEGER))
      troubles.push('the number that may fail is a whole one, 0 or more');
  } else {
    if (!isShare(failuresAllowed.max)) troubles.push('the share that may fail is 0 to 1');
    if (!isWhole(failuresAllowed.minimumSample, 1, Number.MAX_SAFE_INTEGER))
      troubles.push('a sample is one agent at least');
  }
  if (pauseAfter !== null && !isWhole(pauseAfter, 1, Number.MAX_SAFE_INTEGER))
    troubles.push('test mode pauses after one upgrade at least');
  return troubles;
}

/** Null: it cannot be read, and what it would allow is not known (RO6: then nothing is). */
export function readSpec(text: string): RolloutSpec | null {
  try {
    const spec = JSON.parse(text) as RolloutSpec;
    return specTroubles(spec).length === 0 && typeof spec.version === 'string' ? spec : null;
  } catch {
    return null;
  }
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function isShare(value: number): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1;
}
