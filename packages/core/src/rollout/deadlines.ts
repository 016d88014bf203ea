/*
 * How long a step of an upgrade may take before its rollout goes on without it. Learned: several times as long as the step
 * takes elsewhere, and never less than a floor, below which a host that tries again by itself would be given up.
 *
 *   before the switch   away: parked, ordered anew when it comes. There, and too slow: taken back, its old version works on
 *   past the switch     away: vanished. There, and too slow: its rollout goes on; what it says later corrects it (RO7)
 */
import { isHoldReason, VANISHED_MS } from '../command/index.ts';

const MINUTE_MS = 60_000;

/** Steps that have a deadline. `rehearsed` has none: it waits for our own word. */
const FLOORS_MS: Readonly<Record<string, number>> = {
  // Its own third look is after 21 minutes: a disk gets emptied meanwhile.
  preflight: 30 * MINUTE_MS,
  // The same waits, and a slow line once more.
  fetching: 60 * MINUTE_MS,
  // A rehearsal ends within a minute, and is repeated.
  staged: 30 * MINUTE_MS,
  // A task runs for an hour unless it says otherwise.
  draining: 90 * MINUTE_MS,
  // Three tries that hang, a minute each, and twice the questions of a verdict.
  switching: 10 * MINUTE_MS,
  // A release may ask for an hour of it.
  probation: 90 * MINUTE_MS,
  committing: 10 * MINUTE_MS,
  'rolling-back': 10 * MINUTE_MS,
};

/** Nothing is overdue before it has gone on for so long. */
export const DEADLINE_MS_MIN: number = Math.min(...Object.values(FLOORS_MS));
/** Away before the switch: longer than a reboot, or a reconnect with the longest backoff. */
const AWAY_MS_MAX: number = 10 * MINUTE_MS;
/** Of so few nothing is learned. */
const MEASURED_MIN = 5;
/** Nearly all, without the few that waited for a person or a network. */
const PERCENTILE = 0.95;
const TIMES = 4;
/** Attempts that deadlines are learned from: the newest, of the releases and hosts of these days. */
export const MEASURED_MAX = 200;

/** Null: it has none. */
export function deadlineMsOf(step: string, measuredMs: readonly number[]): number | null {
  const floorMs = Object.hasOwn(FLOORS_MS, step) ? FLOORS_MS[step] : undefined;
  if (floorMs === undefined) return null;
  if (measuredMs.length < MEASURED_MIN) return floorMs;
  const sorted = [...measuredMs].sort((a, b) => a - b);
  const high = sorted[Math.ceil(PERCENTILE * sorted.length) - 1] ?? 0;
  return Math.min(VANISHED_MS, Math.max(floorMs, TIMES * high));
}

/** How long an attempt was in a step, in all; null: it was not, or its end is not known. By the host's own clock. */
export function stepMsOf(
  steps: readonly { readonly step: string; readonly startedMs: number }[],
  step: string,
): number | null {
  let sumMs: number | null = null;
  for (const [index, one] of steps.entries()) {
    const next = steps[index + 1];
    if (one.step === step && next !== undefined)
      sumMs = (sumMs ?? 0) + Math.max(0, next.startedMs - one.startedMs);
  }
  return sumMs;
}

export interface StepFacts {
  readonly step: string;
  /** When it began, by the coordinator's clock. */
  readonly sinceMs: number;
  readonly hasSwitched: boolean;
  /** How long its agent is away; null: it is there. */
  readonly awayMs: number | null;
  /** Of the host; null: it waits for nothing. */
  readonly hostHoldReason: string | null;
  /** Its rollout is paused or halted: nobody has to hurry. */
  readonly isStanding: boolean;
  /** How long that step took elsewhere. */
  readonly measuredMs: readonly number[];
}

export type Overdue =
  | { readonly kind: 'in-time' }
  /** Its turn comes again when its agent does, or when its owner lets it. */
  | { readonly kind: 'parked' }
  | { readonly kind: 'vanished'; readonly awayMs: number }
  | {
      readonly kind: 'taken-back' | 'late';
      readonly step: string;
      readonly tookMs: number;
      readonly deadlineMs: number;
    };

const IN_TIME: Overdue = { kind: 'in-time' };

/** RO33, RO34. */
export function overdueOf(facts: StepFacts, nowMs: number): Overdue {
  const { step, hasSwitched, awayMs, hostHoldReason, isStanding, measuredMs } = facts;
  // H14: down until somebody starts it, and known to be.
  if (hostHoldReason === 'awaiting-start') return IN_TIME;
  if (awayMs !== null) {
    if (!hasSwitched) return awayMs >= AWAY_MS_MAX ? { kind: 'parked' } : IN_TIME;
    const deadlineMs = deadlineMsOf('switching', step === 'switching' ? measuredMs : []) ?? 0;
    return awayMs >= deadlineMs ? { kind: 'vanished', awayMs } : IN_TIME;
  }
  const deadlineMs = deadlineMsOf(step, measuredMs);
  const tookMs = nowMs - facts.sinceMs;
  if (deadlineMs === null || tookMs < deadlineMs) return IN_TIME;
  if (hasSwitched) return { kind: 'late', step, tookMs, deadlineMs };
  if (isStanding) return IN_TIME;
  return isOfOwner(hostHoldReason)
    ? { kind: 'parked' }
    : { kind: 'taken-back', step, tookMs, deadlineMs };
}

/** What the owner of the host, or the calendar, says: no failure of the version. */
function isOfOwner(reason: string | null): boolean {
  return (
    isHoldReason(reason) &&
    ['pinned', 'postponed', 'host-locked', 'outside-window', 'paused'].includes(reason)
  );
}
