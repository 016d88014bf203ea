import { CLOSE_REASONS, type CloseReasonName, closeReasonOf } from '@moult/protocol';

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** What only a person can mend is asked about seldom, and not given up: people mend things. */
const SLOW_MS = 300_000;

/** How a connection ended, as far as it matters for the next one. */
export interface Ending {
  readonly reason: CloseReasonName | null;
  /** The coordinator's wish; 0: none. */
  readonly retryAfterMs: number;
}

/**
 * Time until the next try, in ms: 1 s doubling to 60 s with full jitter (`fraction` in [0, 1)), the close reason's
 * advice, and never sooner than the coordinator asked for. A fleet that was cut off together must not come back together.
 */
export function reconnectDelayMs(options: {
  /** Failures in a row before this one. */
  readonly failures: number;
  readonly ending: Ending;
  readonly fraction: number;
}): number {
  const { failures, ending, fraction } = options;
  const advice = ending.reason === null ? 'backoff' : CLOSE_REASONS[ending.reason].retry;
  const doubled = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 16));
  const rangeMs = advice === 'slow' ? SLOW_MS : advice === 'soon' ? FIRST_MS : doubled;
  const floorMs = advice === 'slow' ? SLOW_MS / 2 : 0;
  const wishedMs = Math.min(ending.retryAfterMs, SLOW_MS);
  return Math.ceil(wishedMs + floorMs + fraction * (rangeMs - floorMs));
}

export function endingOf(code: number, goodbye: Ending | null): Ending {
  return goodbye ?? { reason: closeReasonOf(code), retryAfterMs: 0 };
}

/**
 * Whether an end by this reason is an answer to an agent in good order: it reached the coordinator, and another
 * version would be told the same (H11). What blames this agent's own words does not count.
 */
export function isAnswer(reason: CloseReasonName | null): boolean {
  return (
    reason === 'busy' ||
    reason === 'shutting-down' ||
    reason === 'replaced' ||
    reason === 'internal-error'
  );
}
