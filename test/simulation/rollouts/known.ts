/* What the oracle knows of rollouts and commands, from the journal alone and counted by itself. */
import type { RolloutSpec } from '@moult/core/rollout';

export interface KnownMember {
  readonly rollout: string;
  readonly instance: string;
  readonly group: string;
  readonly wave: number;
  state: string;
  command: string | null;
  wasParked: boolean;
}

export interface KnownRollout {
  readonly id: string;
  readonly name: string;
  readonly component: string;
  readonly version: string;
  state: string;
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
  /** It came out of a backup: which of its failures were forgiven nobody knows, until somebody resumes it. */
  isUncertain: boolean;
  /** It came out of a backup: what hosts had said since is lost. */
  wasRestored: boolean;
}

export interface KnownCommand {
  readonly id: string;
  readonly instance: string;
  readonly group: string;
  readonly component: string;
  readonly kind: string;
  readonly origin: string;
  state: string;
}

export const FAILURES: ReadonlySet<string> = new Set(['failed', 'rolled-back']);
export const WENT_THROUGH: ReadonlySet<string> = new Set(['done', ...FAILURES]);
export const ON_THE_WAY: ReadonlySet<string> = new Set(['waiting', 'upgrading', 'parked']);
export const IN_FLIGHT: ReadonlySet<string> = new Set(['sent', 'accepted', 'running']);
export const OPEN: ReadonlySet<string> = new Set(['queued', ...IN_FLIGHT]);
export const ACTIVE: ReadonlySet<string> = new Set(['running', 'paused', 'halted']);

/** By docs/spec/rollout.md, written anew: who goes from where to where. */
export const ROLLOUT_GOES: Readonly<Record<string, readonly string[]>> = {
  draft: ['draft', 'planning', 'cancelled'],
  planning: ['pending', 'cancelled'],
  pending: ['planning', 'draft', 'running', 'cancelled'],
  running: ['paused', 'halted', 'cancelled', 'ended'],
  paused: ['running', 'halted', 'cancelled'],
  halted: ['running', 'cancelled'],
  ended: [],
  cancelled: [],
};

/** RO3; to done also from what had ended (RO7), and from nothing that is done. */
export const MEMBER_GOES: Readonly<Record<string, readonly string[]>> = {
  waiting: ['upgrading', 'skipped', 'stopped', 'done'],
  upgrading: ['to-roll-back', 'done', 'failed', 'rolled-back', 'skipped', 'stopped', 'parked'],
  parked: ['upgrading', 'done', 'failed', 'rolled-back', 'skipped', 'stopped'],
  failed: ['waiting', 'done', 'to-roll-back'],
  'rolled-back': ['waiting', 'to-roll-back'],
  'to-roll-back': ['rolling-back', 'rolled-back', 'done', 'failed', 'stopped'],
  'rolling-back': ['to-roll-back', 'rolled-back', 'done', 'failed', 'stopped'],
  skipped: ['done'],
  stopped: ['done'],
  done: ['to-roll-back', 'failed'],
};

export function countOf(rollout: KnownRollout, state: string, wave: number | null = null): number {
  if (wave !== null) return rollout.counts.get(`${wave} ${state}`) ?? 0;
  let sum = 0;
  for (const [key, count] of rollout.counts) if (key.endsWith(` ${state}`)) sum += count;
  return sum;
}

export function wentThrough(rollout: KnownRollout, wave: number | null = null): number {
  let sum = 0;
  for (const state of WENT_THROUGH) sum += countOf(rollout, state, wave);
  return sum;
}

/** RO4: those that nobody has forgiven, of those that went through. */
export function failuresOf(rollout: KnownRollout): {
  readonly failures: number;
  readonly judged: number;
  readonly sample: number;
} {
  const failed = countOf(rollout, 'failed') + countOf(rollout, 'rolled-back');
  const failures = failed - rollout.forgiven.size;
  return {
    failures,
    judged: countOf(rollout, 'done') + failures,
    sample: wentThrough(rollout),
  };
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
