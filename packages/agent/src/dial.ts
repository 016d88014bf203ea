/*
 * The answer to a `dial`: does this version reach the coordinator now, and can it refresh the metadata? What was found
 * out before is of no use: the world may have come back a moment ago, and the launcher's verdict hangs on the answer (B11).
 */
import type { Clock } from '@moult/runtime/clock';
import type { Link } from './session/link.ts';
import type { Health } from './upgrade/health.ts';
import { pause } from './waiting.ts';

/** Longer than a whole probe may take (30 s), which is asked the same; the launcher waits for 55 s at least. */
const DIAL_MS = 45_000;

/** Whether the coordinator was reached; how the metadata is then stands in `health`. Rejects with the signal's reason. */
export async function dialled(options: {
  readonly clock: Clock;
  readonly link: Link;
  /** Null: nobody checks anything at present. */
  readonly health: Health | null;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { clock, link, health, signal } = options;
  const done = new AbortController();
  const late = new AbortController();
  void pause(clock, DIAL_MS, AbortSignal.any([signal, done.signal])).then(() =>
    late.abort(new Error('the time for a dial is over')),
  );
  const within = AbortSignal.any([signal, late.signal]);
  // A check that does not end in time leaves what was known.
  const isChecked = health?.checkAgain(within).catch(() => undefined);
  try {
    const [reached] = await Promise.all([link.dial(within), isChecked]);
    signal.throwIfAborted();
    return reached;
  } finally {
    done.abort(new Error('the dial is over'));
  }
}
