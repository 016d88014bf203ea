import { FleetError } from './fleet-error.ts';

/** Between two looks. What we wait for happens in other processes: there is nothing to be told by. */
const LOOK_MS = 200;

/**
 * Looks until `probe` gives something else than null, undefined or false; that is the result. Rejects at the deadline,
 * saying what did not come about, with the last failure of the probe as its cause.
 */
export async function until<T>(
  what: string,
  probe: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  options: {
    readonly timeoutMs: number;
    readonly detail?: () => string;
    readonly signal?: AbortSignal | undefined;
    /** Longer for what takes long, and stays as it is: each look costs a request. */
    readonly lookMs?: number;
  },
): Promise<T> {
  const { lookMs = LOOK_MS } = options;
  const deadlineMs = performance.now() + options.timeoutMs;
  let cause: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const found = await probe();
      if (found !== null && found !== undefined && found !== false) return found;
      cause = undefined;
    } catch (caught) {
      cause = caught;
    }
    if (performance.now() >= deadlineMs) {
      const failure = `after ${options.timeoutMs} ms it is still not so that ${what}`;
      throw new FleetError(failure, options.detail?.(), cause);
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}
