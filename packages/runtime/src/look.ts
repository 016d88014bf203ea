import type { Found } from '@moult/core/doctor';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import { codeOf } from './files.ts';

/** DR2: what could not be looked at is said, with why. Rejects for nothing but the signal. */
export async function look<T>(work: () => T | Promise<T>, stop: AbortSignal): Promise<Found<T>> {
  try {
    return { isFound: true, value: await work() };
  } catch (caught) {
    stop.throwIfAborted();
    const { code, message } = codedErrorFrom(caught);
    // What the system refuses is no defect of ours.
    const isRefused = !(caught instanceof CodedError) && codeOf(caught) !== null;
    return { isFound: false, code: isRefused ? 'file-unreadable' : code, message };
  }
}
