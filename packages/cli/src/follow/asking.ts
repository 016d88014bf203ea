/* Questions that are asked again and again: that nobody answers for a while (a coordinator restarts) ends nothing. */
import { CodedError } from '@moult/core/errors';
import type { Run } from '../shell.ts';

/** The answer; null: it cannot be asked just now, which is said. */
export async function askPatiently<T>(run: Run, ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (caught) {
    const isPassing = caught instanceof CodedError && caught.retryable && !run.stop.aborted;
    if (!isPassing) throw caught;
    run.output.step(`the coordinator cannot be asked just now (${caught.code})`);
    return null;
  }
}
