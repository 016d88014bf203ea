/* What a coordinator writes before it serves anybody: that it has begun, at a position of its own (RS3). */
import { codedErrorFrom } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Store } from '@moult/store';

/** A full disk must not keep it from serving what it can: then it begins without. */
export async function beginRun(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
}): Promise<void> {
  const { store, clock, log, version } = options;
  try {
    await store.write('beginRun', { nowMs: clock.nowMs(), version });
  } catch (error) {
    const { code, message } = codedErrorFrom(error);
    if (code !== 'disk-full') throw error;
    log.warn('the start could not be written to history', { code, message });
  }
}
