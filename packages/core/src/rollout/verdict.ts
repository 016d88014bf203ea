/*
 * What a running rollout does next. Pure and level-triggered: the same status gives the same verdict, whoever asks and how
 * often. A check that cannot decide does not go on (RO6), and a verdict has a reason also where nothing changes.
 */
import type { HoldReason } from '../command/reasons.ts';
import { type MemberState, WAY_BACK } from './machine.ts';
import type { RolloutSpec } from './spec.ts';

export type MemberCounts = Readonly<Record<MemberState, number>>;

export const NO_MEMBERS: MemberCounts = {
  waiting: 0,
  upgrading: 0,
  'to-roll-back': 0,
  'rolling-back': 0,
  done: 0,
  failed: 0,
  'rolled-back': 0,
  skipped: 0,
  parked: 0,
  stopped: 0,
};

export interface WaveStatus {
  readonly counts: MemberCounts;
  /** When the last of its agents went through, wall clock in ms; null: none has. */
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
  /** The release: what was withdrawn goes to nobody more. */
  readonly isPublished: boolean;
}

/** What is said of it by its own rows. */
export type RolloutCounters = Omit<RolloutStatus, 'isPublished'>;

/** RO4, also of one that is over: more have failed than may, of a sample that is large enough. */
export function isOverBudget(status: RolloutCounters): boolean {
  const { spec, waves, failuresForgiven } = status;
  if (spec === null) return true;
  const tally = tallyOf(spec, sumOf(waves.map(({ counts }) => counts)), failuresForgiven);
  return isExceeded(spec, tally) && isSampleEnough(spec, tally);
}

export type Verdict =
  /**
   * Agents of that wave, and of those before it, may start as their groups allow: `atMost` more of them for now, in test
   * mode (RO9); null: as many as there are.
   */
  | { readonly kind: 'start'; readonly wave: number; readonly atMost: number | null }
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
  const tally = tallyOf(spec, total, status.failuresForgiven);
  if (isExceeded(spec, tally) && isSampleEnough(spec, tally))
    return { kind: 'halt', why: exceededText(spec, tally) };
  const goBack = goingBackIn(total);
  // What becomes of them decides whether it goes on.
  const isHeld = goBack > 0 && spec.goesOnAfterRollBack;
  if (isHeld || (goBack > 0 && total.waiting + total.upgrading === 0))
    return { kind: 'wait', wave: waves.findIndex(goesBack), reason: 'rolling-back', untilMs: null };
  if (total.waiting + total.upgrading === 0) return allOver(status, total, nowMs);
  const doneSince = Math.max(0, total.done - status.doneAtResume);
  if (spec.pauseAfter !== null && doneSince >= spec.pauseAfter)
    return { kind: 'pause', why: `test mode: ${doneText(doneSince)}` };
  const atMost = spec.pauseAfter === null ? null : spec.pauseAfter - doneSince - total.upgrading;
  return nextStart({ spec, waves, tally, atMost, nowMs, isPublished: status.isPublished });
}

/** Where all are away nothing is known of the version, and whoever comes first can still halt the others (RO6). */
function allOver({ spec, waves }: RolloutStatus, total: MemberCounts, nowMs: number): Verdict {
  const wave = waves.findIndex(({ counts }) => counts.parked > 0);
  if (wave >= 0 && judgedIn(total) === 0)
    return { kind: 'wait', wave, reason: 'agent-down', untilMs: null };
  // RO36: the last wave, too: what was not looked at was not kept.
  const ends = waves.flatMap(({ lastEndMs }) => lastEndMs ?? []);
  const soakedMs = Math.max(...ends) + (spec?.soakMs ?? 0);
  if (nowMs < soakedMs)
    return { kind: 'wait', wave: waves.length - 1, reason: 'awaiting-soak', untilMs: soakedMs };
  return { kind: 'end', isOk: failuresIn(total) + total.stopped === 0 };
}

interface Next {
  readonly spec: RolloutSpec;
  readonly waves: readonly WaveStatus[];
  readonly tally: Tally;
  readonly atMost: number | null;
  readonly nowMs: number;
  readonly isPublished: boolean;
}

/**
 * A wave that somebody has begun stays open: who comes back to one before it, or is tried again there, holds up nobody.
 * The next one opens when all before it are over.
 */
function nextStart(next: Next): Verdict {
  const { waves, atMost } = next;
  const open = Math.max(0, waves.findLastIndex(hasBegun));
  const opened = sumOf(waves.slice(0, open + 1).map(({ counts }) => counts));
  let wave = open;
  if (opened.waiting === 0) {
    if (opened.upgrading > 0) return { kind: 'wait', wave, reason: 'upgrading', untilMs: null };
    if (goingBackIn(opened) > 0)
      return { kind: 'wait', wave, reason: 'rolling-back', untilMs: null };
    wave = waves.findIndex(({ counts }) => counts.waiting > 0);
    const shut = shutBy(next, wave);
    if (shut !== null) return { kind: 'wait', wave, ...shut };
  }
  if (atMost !== null && atMost <= 0)
    return { kind: 'wait', wave, reason: 'upgrading', untilMs: null };
  // RO6, RO22: asked here, so that it keeps no places from others either.
  if (!next.isPublished) return { kind: 'wait', wave, reason: 'release-withdrawn', untilMs: null };
  return { kind: 'start', wave, atMost };
}

/** Skipped and stopped ones say nothing: people do that to waves that are shut, too. */
export function hasBegun({ counts }: Pick<WaveStatus, 'counts'>): boolean {
  return counts.upgrading + counts.parked + judgedIn(counts) > 0;
}

/** RO5: what keeps a wave shut; null: nothing. Those before it are over. */
function shutBy(
  { spec, waves, tally, nowMs }: Next,
  wave: number,
): { readonly reason: HoldReason; readonly untilMs: number | null } | null {
  const before = waves[wave - 1];
  if (before === undefined) return null;
  const ends = waves.slice(0, wave).flatMap(({ lastEndMs }) => lastEndMs ?? []);
  const soakedMs = Math.max(...ends) + spec.soakMs;
  if (nowMs < soakedMs) return { reason: 'awaiting-soak', untilMs: soakedMs };
  // A person who has looked may open what no gate would.
  if (waves[wave]?.isApproved === true) return null;
  if (spec.needsApproval) return { reason: 'awaiting-approval', untilMs: null };
  const judged = judgedIn(before.counts);
  // RO6: a wave that nobody went through proves nothing (a canary has to have been one), nor do failures that are too many of too few.
  const isGood = judged > 0 && before.counts.done / judged >= spec.successShareMin;
  return isGood && !isExceeded(spec, tally) ? null : { reason: 'awaiting-gate', untilMs: null };
}

/** RO4: of the whole rollout. What a person has forgiven is neither a failure nor a success. */
interface Tally {
  readonly failures: number;
  readonly forgiven: number;
  readonly judged: number;
}

function tallyOf(spec: RolloutSpec, total: MemberCounts, forgiven: number): Tally {
  const failures = failuresOf(spec, total) - forgiven;
  // Those that are no failures have gone through all the same.
  return { failures, forgiven, judged: judgedIn(total) - forgiven };
}

/** RO4, RO38: what counts against what a rollout allows. */
export function failuresOf(spec: RolloutSpec, counts: MemberCounts): number {
  if (spec.goesOnAfterRollBack) return counts.failed;
  return failuresIn(counts) + goingBackIn(counts);
}

/** Whether one in that state is among these; where the spec cannot be read, it is in doubt. */
export function isCountedFailure(spec: RolloutSpec | null, state: MemberState): boolean {
  const one = { ...NO_MEMBERS, [state]: 1 };
  return (spec === null ? failuresIn(one) + goingBackIn(one) : failuresOf(spec, one)) > 0;
}

function goingBackIn(counts: MemberCounts): number {
  return WAY_BACK.reduce((sum, state) => sum + counts[state], 0);
}

function goesBack({ counts }: WaveStatus): boolean {
  return goingBackIn(counts) > 0;
}

/** More have failed than may. */
function isExceeded(spec: RolloutSpec, { failures, judged }: Tally): boolean {
  if (spec.onError === 'continue') return false;
  const { kind, max } = spec.failuresAllowed;
  return failures > (kind === 'count' ? max : max * judged);
}

function isSampleEnough({ failuresAllowed }: RolloutSpec, tally: Tally): boolean {
  if (failuresAllowed.kind === 'count') return true;
  return tally.judged + tally.forgiven >= failuresAllowed.minimumSample;
}

function exceededText({ failuresAllowed }: RolloutSpec, { failures, judged }: Tally): string {
  const { kind, max } = failuresAllowed;
  if (kind === 'count') return `${failures} failed, ${max} may`;
  // Rounded: 0.07 is not 7.000000000000001 %.
  return `${failures} of ${judged} failed, ${Number((max * 100).toFixed(2))} % may`;
}

function doneText(count: number): string {
  return count === 1 ? '1 upgrade is done' : `${count} upgrades are done`;
}

/** Who went through: what can be told of a version is told by them. */
function judgedIn(counts: MemberCounts): number {
  return counts.done + failuresIn(counts) + goingBackIn(counts);
}

/** Over, and not well. */
export function failuresIn(counts: MemberCounts): number {
  return counts.failed + counts['rolled-back'];
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
