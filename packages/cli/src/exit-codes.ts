import type { Status } from '@moult/core/errors';

/** Exit codes of `moult`: part of its contract with scripts. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  /** Timeout or cancelled. */
  ended: 3,
  notAllowed: 4,
  failedUpgrade: 5,
  conflict: 6,
  pending: 8,
  interrupted: 130,
} as const;

const BY_STATUS: Readonly<Record<Status, number>> = {
  cancelled: EXIT.ended,
  unknown: EXIT.error,
  'invalid-argument': EXIT.error,
  'deadline-exceeded': EXIT.ended,
  'not-found': EXIT.error,
  'already-exists': EXIT.conflict,
  'permission-denied': EXIT.notAllowed,
  'resource-exhausted': EXIT.error,
  'failed-precondition': EXIT.error,
  aborted: EXIT.conflict,
  'out-of-range': EXIT.error,
  unimplemented: EXIT.error,
  internal: EXIT.error,
  unavailable: EXIT.error,
  'data-loss': EXIT.error,
  unauthenticated: EXIT.notAllowed,
};

/** What was typed wrong ends with 2, also when only the coordinator could see it. */
const USAGE_CODES: readonly string[] = [
  'usage',
  'request-invalid',
  'selector-invalid',
  'coordinator-insecure',
  'purge-unconfirmed',
  'rollout-spec-invalid',
  'setting-invalid',
  'setting-unknown',
];

const NOT_DONE_CODES: readonly string[] = ['upgrade-not-done', 'rollout-not-done'];

export function exitCodeOf(failure: { readonly code: string; readonly status: Status }): number {
  if (USAGE_CODES.includes(failure.code)) return EXIT.usage;
  if (NOT_DONE_CODES.includes(failure.code)) return EXIT.failedUpgrade;
  return BY_STATUS[failure.status];
}
