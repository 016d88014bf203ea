/*
 * What a running rollout does next. Pure and level-triggered: the same status gives the same verdict, whoever asks and how
 * often. A check that cannot decide does not go on (RO6), and a verdict has a reason also where nothing changes.
 */
import type { HoldReason } from '../command/reasons.ts';
import { isFailure, type MemberState } from './machine.ts';
import type { RolloutSpec } from './spec.ts';

export type MemberCounts = Readonly<Record<MemberState, number>>;

export const NO_MEMBERS: MemberCounts = {
  waiting: 0,
  upgrading: 0,
  done: 0,
  failed: 0,
  'rolled-back': 0,
  skipped: 0,
  parked: 0,
  stopped: 0,
};

export interface WaveStatus {
  readonly counts: MemberCounts;
  /** When the last of its agents ended, wall clock in ms; null: none has. */
  readonly lastEndMs: number | null;
  readonly isApproved: boolean;
}

export interface RolloutStatus {
  /** Null: what was stored cannot be read. */
  readonly spec: RolloutSpec | null;
  readonly waves: readonly WaveStatus[];
  /** Failures that a person has seen and resumed from: they do not halt it again. */
  readonly failuresForgiven: number;
  /** Upgrades that ended well when it was started or resumed last: test mode counts from there. */
  readonly doneAtResume: number;
}

export type Verdict =
  /** Agents of that wave, and of those before it, may start as their groups allow. */
  | { readonly kind: 'start'; readonly wave: number }
  /** Nobody starts for now. */
  | {
      readonly kind: 'wait';
      readonly wave: number;
      readonly reason: HoldReason;
      readonly untilMs: number | null;
    }
  | { readonly kind: 'halt'; readonly why: string }
  | { readonly kind: 'pause'; readonly why: string }
  | { readonly kind: 'end'; readonly isOk: boolean };

export function verdictOf(status: RolloutStatus, nowMs: number): Verdict {
  const { spec, waves } = status;
  if (spec === null) return { kind: 'halt', why: 'what it was told cannot be read any more' };
  const total = sumOf(waves.map(({ counts }) => counts));
  const exceeded = exceededWhy(spec, total, status.failuresForgiven);
  if (exceeded !== null) return { kind: 'halt', why: exceeded };
  if (total.waiting + total.upgrading === 0) {
    return { kind: 'end', isOk: failuresIn(total) + total.stopped === 0 };
  }
  const doneSince = total.done - status.doneAtResume;
  if (spec.pauseAfter !== null && doneSince >= spec.pauseAfter)
    return { kind: 'pause', why: `test mode: ${doneSince} upgrades are done` };
  return openWave(spec, waves, nowMs);
}

/** The first wave with somebody on the way is the one that matters: those before it are over. */
function openWave(spec: RolloutSpec, waves: readonly WaveStatus[], nowMs: number): Verdict {
  const wave = waves.findIndex(({ counts }) => counts.waiting + counts.upgrading > 0);
  const own = waves[wave];
  const before = waves[wave - 1];
  if (own === undefined) return { kind: 'halt', why: 'its waves cannot be told apart' };
  const shut = before === undefined ? null : shutBy(spec, before, { ...own, nowMs });
  if (shut !== null) return { kind: 'wait', wave, ...shut };
  if (own.counts.waiting > 0) return { kind: 'start', wave };
  return { kind: 'wait', wave, reason: 'upgrading', untilMs: null };
}

/** RO5: what keeps a wave shut; null: it is open. `before`: the wave before it, which is over. */
function shutBy(
  spec: RolloutSpec,
  before: WaveStatus,
  own: { readonly isApproved: boolean; readonly nowMs: number },
): { readonly reason: HoldReason; readonly untilMs: number | null } | null {
  const { counts, lastEndMs } = before;
  const soakedMs = (lastEndMs ?? 0) + spec.soakMs;
  if (lastEndMs !== null && own.nowMs < soakedMs)
    return { reason: 'awaiting-soak', untilMs: soakedMs };
  // A person who has looked may open what no gate would.
  if (own.isApproved) return null;
  if (spec.needsApproval) return { reason: 'awaiting-approval', untilMs: null };
  const judged = counts.done + failuresIn(counts);
  // A wave that nobody went through, all being away, proves nothing: a canary has to have been one (RO6).
  if (judged === 0 && counts.parked > 0) return { reason: 'awaiting-gate', untilMs: null };
  if (judged > 0 && counts.done / judged < spec.successShareMin)
    return { reason: 'awaiting-gate', untilMs: null };
  return null;
}

/** Null: no more than allowed. Counts the whole rollout (RO4). */
function exceededWhy(spec: RolloutSpec, total: MemberCounts, forgiven: number): string | null {
  if (spec.onError === 'continue') return null;
  const failures = failuresIn(total) - forgiven;
  const { failuresAllowed } = spec;
  if (failuresAllowed.kind === 'count') {
    if (failures <= failuresAllowed.max) return null;
    return `${failures} failed, ${failuresAllowed.max} may`;
  }
  const judged = total.done + failuresIn(total);
  if (judged < failuresAllowed.minimumSample || judged === 0) return null;
  if (failures / judged <= failuresAllowed.max) return null;
  return `${failures} of ${judged} failed, ${failuresAllowed.max * 100} % may`;
}

export function failuresIn(counts: MemberCounts): number {
  let sum = 0;
  for (const [state, count] of Object.entries(counts)) {
    if (isFailure(state as MemberState)) sum += count;
  }
  return sum;
}

export function sumOf(all: readonly MemberCounts[]): MemberCounts {
  const sum: Record<MemberState, number> = { ...NO_MEMBERS };
  for (const counts of all) {
    for (const state of Object.keys(sum) as MemberState[]) sum[state] += counts[state];
  }
  return sum;
}

/** RO1: never more of a group in flight than it can spare. */
export function slotsFree(group: {
  readonly unavailableMax: number;
  readonly inFlight: number;
}): number {
  return Math.max(0, group.unavailableMax - group.inFlight);
}
