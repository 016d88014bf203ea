/** The door to time. Shells get one in their constructor; simulations give their own. */
export interface Clock {
  /** Wall clock, ms since 1970 UTC. For display and for comparing with other machines only: it jumps. */
  nowMs(): number;
  /** Never goes back; says nothing about the date. For intervals and deadlines. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Lets everything else that waits have its turn; long work on the loop calls it between its parts. Takes no time. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Longest delay that the platform's timers take (2^31 - 1 ms); longer sleeps are made of several. */
const TIMER_MS_MAX = 2_147_483_647;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    for (let leftMs = ms; leftMs > 0; leftMs -= TIMER_MS_MAX) {
      await sleepOnce(Math.min(leftMs, TIMER_MS_MAX), signal);
    }
  },
};

function sleepOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    }, ms);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

/** Calls `work` every `ms` by the given clock until the signal aborts; never two at once. Errors reach the caller. */
export async function everyMs(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: () => void | Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(ms, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    await work();
  }
}
