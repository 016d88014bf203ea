/*
 * Over what to try next: the WebSocket; when it failed again and again, plain HTTPS; and the WebSocket again, regularly,
 * so that nobody stays on the detour for longer than there is a need (S5).
 */
import type { CloseReasonName } from '@moult/protocol';

export type CarrierKind = 'web-socket' | 'https';

/** One failure may be chance, two a coordinator that restarts; with the backoff, three take some seconds. */
const FAILURES_MAX = 3;
/** As often as the longest wait between tries of the WebSocket itself. */
export const WEB_SOCKET_RETRY_MS = 60_000;
/** A session that lived so long was a good one: the next failure starts counting anew. */
export const GOOD_SESSION_MS = 10_000;

/** What earlier tries left. */
export interface CarrierPast {
  /** Of the WebSocket, in a row. */
  readonly failures: number;
  /** When the WebSocket was tried last, by the monotonic clock; null: it is due. */
  readonly triedMs: number | null;
  /** The last try over HTTPS failed as well: it is no better. */
  readonly hasHttpsFailed: boolean;
}

export const NO_PAST: CarrierPast = { failures: 0, triedMs: null, hasHttpsFailed: false };

/**
 * How a try ended. *Good*: it lived. *Failed*: it never became live, or lived only seconds. *Answered*: the coordinator
 * said why, and would say the same over another carrier. *Absent*: nobody was there, over whatever carrier.
 */
export type CarrierOutcome = 'good' | 'failed' | 'answered' | 'absent';

/** In this order, until one connects. */
export function carriersToTry(past: CarrierPast, nowMs: number): readonly CarrierKind[] {
  if (past.failures < FAILURES_MAX) return ['web-socket'];
  const { triedMs, hasHttpsFailed } = past;
  const isDue = triedMs === null || hasHttpsFailed || nowMs - triedMs >= WEB_SOCKET_RETRY_MS;
  return isDue ? ['web-socket', 'https'] : ['https'];
}

export function pastAfter(
  past: CarrierPast,
  end: { readonly carrier: CarrierKind; readonly outcome: CarrierOutcome; readonly nowMs: number },
): CarrierPast {
  const { carrier, outcome, nowMs } = end;
  if (carrier === 'https') {
    return { ...past, hasHttpsFailed: outcome === 'failed' || outcome === 'absent' };
  }
  const triedMs = nowMs;
  switch (outcome) {
    case 'good':
    case 'answered':
      return { ...past, failures: 0, triedMs };
    case 'failed':
      return { ...past, failures: Math.min(past.failures + 1, FAILURES_MAX), triedMs };
    case 'absent':
      return { ...past, triedMs };
  }
}

export function outcomeOf(end: {
  /** Null: it never became live. */
  readonly livedMs: number | null;
  readonly reason: CloseReasonName | null;
}): CarrierOutcome {
  if (end.livedMs !== null && end.livedMs >= GOOD_SESSION_MS) return 'good';
  return end.reason !== null && IS_ANSWER[end.reason] ? 'answered' : 'failed';
}

/** Whether a reason says something of this agent or of the coordinator, or may come of what carries the frames. */
const IS_ANSWER: Readonly<Record<CloseReasonName, boolean>> = {
  'shutting-down': true,
  busy: true,
  replaced: true,
  'handshake-timeout': false,
  'invalid-frame': false,
  'frame-too-large': false,
  'unexpected-frame': false,
  'not-enrolled': true,
  'proof-failed': true,
  quarantined: true,
  decommissioned: true,
  'protocol-unsupported': true,
  'no-pong': false,
  'too-slow': false,
  'internal-error': true,
};
