/* What the oracle knows of rollouts and commands, from the journal alone and counted by itself. */
import type { RolloutSpec } from '@moult/core/rollout';
import { COUNTED_STATES } from './journal.ts';

export interface KnownMember {
  readonly rollout: string;
  readonly instance: string;
  group: string;
  readonly wave: number;
  state: string;
  command: string | null;
  wasParked: boolean;
  /** A person has had it tried again. */
  wasRetried: boolean;
  /** RO36, RO37: it had done it, and was gone then, or could not go back. */
  isGone: boolean;
}

/** As the journal says it. */
export interface RolloutFacts {
  readonly id: string;
  name: string;
  component: string;
  version: string;
  state: string;
  why: string;
  origin: string;
  reverts: string | null;
  splitOf: string | null;
  startsAfter: string | null;
  startsMs: number | null;
  /** Who made it, and who edited it last. */
  makers: readonly string[];
  approvedBy: string | null;
  outcome: string | null;
}

export interface KnownRollout extends RolloutFacts {
  /** Null: it has a field that nobody knows, and may start nobody. */
  spec: RolloutSpec | null;
  readonly members: Map<string, KnownMember>;
  /** By wave and state. */
  readonly counts: Map<string, number>;
  /** Instances that had failed when somebody resumed it. */
  readonly forgiven: Set<string>;
  readonly approved: Set<number>;
  readonly begun: Set<number>;
  /** By wave: when the last of its agents went through. */
  readonly lastWentMs: Map<number, number>;
  doneAtResume: number;
  /** RO37: somebody could not go back, and nobody has resumed it since. */
  isWayBackLost: boolean;
  /** It came out of a backup: which of its failures were forgiven nobody knows, until somebody resumes it. */
  isUncertain: boolean;
  /** It came out of a backup: what hosts had said since is lost. */
  wasRestored: boolean;
}

export interface KnownCommand {
  readonly id: string;
  readonly instance: string;
  group: string;
  readonly component: string;
  readonly version: string;
  readonly kind: string;
  readonly origin: string;
  readonly pace: string;
  state: string;
  /** Null: not yet, or in another life of the store. */
  sentMs: number | null;
  /** RO24: by what it was permitted. */
  hasPlace: boolean;
}

export const FAILURES: ReadonlySet<string> = new Set(['failed', 'rolled-back']);
/** They have gone through, and are not to stay (R8). */
export const GOES_BACK: ReadonlySet<string> = new Set(['to-roll-back', 'rolling-back']);
export const WENT_THROUGH: ReadonlySet<string> = new Set(['done', ...FAILURES]);
export const ON_THE_WAY: ReadonlySet<string> = new Set(['waiting', 'upgrading', 'parked']);
export const IN_FLIGHT: ReadonlySet<string> = new Set(['sent', 'accepted', 'running']);
export const OPEN: ReadonlySet<string> = new Set(['queued', ...IN_FLIGHT]);
export const ACTIVE: ReadonlySet<string> = new Set(['running', 'paused', 'halted']);

/** By docs/spec/rollout.md, written anew: who goes from where to where. */
export const ROLLOUT_GOES: Readonly<Record<string, readonly string[]>> = {
  draft: ['draft', 'planning', 'cancelled'],
  planning: ['pending', 'draft', 'cancelled'],
  pending: ['planning', 'draft', 'running', 'cancelled'],
  running: ['paused', 'halted', 'cancelled', 'ended'],
  paused: ['running', 'halted', 'cancelled'],
  halted: ['running', 'cancelled'],
  ended: [],
  cancelled: [],
};

/** RO3; to done also from what had ended (RO7), and from nothing that is done. */
const MEMBER_GOES: Readonly<Record<string, readonly string[]>> = {
  waiting: ['upgrading', 'skipped', 'stopped', 'done'],
  upgrading: ['to-roll-back', 'done', 'failed', 'rolled-back', 'skipped', 'stopped', 'parked'],
  parked: ['upgrading', 'done', 'failed', 'rolled-back', 'skipped', 'stopped'],
  failed: ['waiting', 'done', 'to-roll-back'],
  'rolled-back': ['waiting', 'to-roll-back'],
  'to-roll-back': ['rolling-back', 'rolled-back', 'done', 'failed', 'stopped'],
  'rolling-back': ['to-roll-back', 'rolled-back', 'done', 'failed', 'stopped'],
  // To waiting: RO54, of a choice that holds again.
  skipped: ['done', 'waiting'],
  stopped: ['done', 'waiting'],
  done: ['to-roll-back', 'failed'],
};

export function mayGo(rollout: KnownRollout, from: string, to: string): boolean {
  // Nobody else comes back to what it was skipped or stopped in.
  const isChoices = (from === 'skipped' || from === 'stopped') && to === 'waiting';
  if (isChoices && rollout.origin !== 'choice') return false;
  return MEMBER_GOES[from]?.includes(to) === true;
}

export function countOf(rollout: KnownRollout, state: string, wave: number | null = null): number {
  if (wave !== null) return rollout.counts.get(`${wave} ${state}`) ?? 0;
  let sum = 0;
  for (const [key, count] of rollout.counts) if (key.endsWith(` ${state}`)) sum += count;
  return sum;
}

/** By COUNTED_STATES: where what a wave's row counts is not what its members are in. */
export function miscounted(
  rollout: KnownRollout,
  { wave, counts }: { readonly wave: number; readonly counts: readonly number[] },
): readonly string[] {
  return COUNTED_STATES.flatMap((column, index) => {
    const own = countOf(rollout, column.replaceAll('_', '-'), wave);
    const said = counts[index];
    const what = `${rollout.name}, wave ${wave + 1}: ${own} are ${column}, it counts ${said}`;
    return own === said ? [] : [what];
  });
}

export function wentThrough(rollout: KnownRollout, wave: number | null = null): number {
  let sum = 0;
  for (const state of [...WENT_THROUGH, ...GOES_BACK]) sum += countOf(rollout, state, wave);
  return sum;
}

/** RO4, RO38: whoever is in one of these has failed. */
export function countedIn({ spec }: KnownRollout): readonly string[] {
  return spec?.goesOnAfterRollBack ? ['failed'] : [...FAILURES, ...GOES_BACK];
}

/** RO4: whoever resumes has seen what failed, and forgives it. */
export function resume(rollout: KnownRollout): void {
  const counted = countedIn(rollout);
  for (const { instance, state } of rollout.members.values())
    if (counted.includes(state)) rollout.forgiven.add(instance);
  rollout.isUncertain = false;
  rollout.isWayBackLost = false;
}

/** RO4, RO38: those that nobody has forgiven, of those that went through. */
export function failuresOf(rollout: KnownRollout): {
  readonly failures: number;
  readonly judged: number;
  readonly sample: number;
} {
  const failed = countedIn(rollout).reduce((sum, state) => sum + countOf(rollout, state), 0);
  const sample = wentThrough(rollout);
  const { size: forgiven } = rollout.forgiven;
  return { failures: failed - forgiven, judged: sample - forgiven, sample };
}

/** More than may, of a sample that is large enough to halt. */
export function isTooMuch(rollout: KnownRollout): {
  readonly halts: boolean;
  readonly is: boolean;
} {
  const { spec } = rollout;
  if (spec === null) return { halts: true, is: true };
  if (spec.onError === 'continue') return { halts: false, is: false };
  const { failures, judged, sample } = failuresOf(rollout);
  const allowed = spec.failuresAllowed;
  if (allowed.kind === 'count') {
    const is = failures > allowed.max;
    return { is, halts: is };
  }
  const is = failures > allowed.max * judged;
  return { is, halts: is && sample >= allowed.minimumSample };
}

/** Of a database that was put back nobody knows which failures were forgiven, and when waves were over. */
export function beginAnew(rollout: KnownRollout, nowMs: number): void {
  for (const { wave, state } of rollout.members.values()) {
    if (state !== 'waiting' && state !== 'skipped' && state !== 'stopped') rollout.begun.add(wave);
  }
  rollout.doneAtResume = countOf(rollout, 'done');
  for (const wave of rollout.lastWentMs.keys()) rollout.lastWentMs.set(wave, nowMs - 1e12);
}

export function specIn(text: string): RolloutSpec | null {
  const spec = JSON.parse(text) as RolloutSpec & { readonly gateOfTomorrow?: unknown };
  return spec.gateOfTomorrow === undefined ? spec : null;
}

export function setIn<Item>(all: Map<string, Set<Item>>, key: string): Set<Item> {
  const own = all.get(key) ?? new Set<Item>();
  all.set(key, own);
  return own;
}

export function raise(counts: Map<string, number>, key: string, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

/** As it was first seen; `isOld`: in a database that was put back. */
export function newRollout(
  of: RolloutFacts & { readonly spec: string },
  isOld: boolean,
): KnownRollout {
  return {
    ...of,
    spec: specIn(of.spec),
    ...{ members: new Map(), counts: new Map(), forgiven: new Set(), approved: new Set() },
    ...{ begun: new Set(), lastWentMs: new Map(), doneAtResume: 0 },
    isWayBackLost: false,
    ...{ isUncertain: isOld, wasRestored: isOld },
  };
}

/** RO4, RO37 */
export function mayHalt(rollout: KnownRollout): boolean {
  return rollout.isWayBackLost || isTooMuch(rollout).halts;
}
