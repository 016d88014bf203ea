import type { Clock } from '@moult/runtime/clock';

/**
 * Runs `work` with a signal that aborts with `expired()` after `ms` of the clock, or with the outer signal's reason.
 * Rejects with that reason also when the work ends in an error of its own because of it.
 */
export async function withDeadline<T>(
  options: {
    readonly clock: Clock;
    readonly ms: number;
    readonly signal: AbortSignal | undefined;
    readonly expired: () => Error;
  },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const late = new AbortController();
  const signals = options.signal === undefined ? [late.signal] : [late.signal, options.signal];
  const signal = AbortSignal.any(signals);
  options.clock.sleep(options.ms, ended.signal).then(
    () => late.abort(options.expired()),
    () => undefined,
  );
  try {
    return await work(signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    ended.abort();
  }
}
