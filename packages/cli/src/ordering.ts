/* An order whose answer does not come may have been taken all the same: a key makes it safe to give it again. */
import { CodedError } from '@moult/core/errors';
import { newId, systemRandom } from '@moult/runtime/random';
import type { Run } from './shell.ts';

/** Without a key of the user's own: what was cut off can be ordered again all the same. */
export function newKey(run: Run): string {
  return newId(run.clock.nowMs(), systemRandom);
}

/** An answer that did not come says nothing of what was done: the key makes asking again safe. */
export async function ordering<T>(run: Run, key: string, order: () => Promise<T>): Promise<T> {
  try {
    return await order();
  } catch (caught) {
    if (caught instanceof CodedError && caught.retryable) run.output.notice(againText(key));
    throw caught;
  }
}

export function againText(key: string): string {
  return `Run the same command again with --key ${key}: it orders nothing twice.`;
}
