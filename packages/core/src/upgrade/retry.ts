import { HURRIES_MAX } from './limits.ts';
import { isOfTheNetwork } from './named-failures.ts';
import type { Retry } from './state.ts';

/** Saved, reported and shown while the work waits: a few lines of a terminal. */
const MESSAGE_LENGTH_MAX = 500;

export const NO_RETRY: Retry = { failures: 0, notBeforeMs: 0 };

export function nextRetry(
  retry: Retry,
  failure: { readonly nowMs: number; readonly code?: string; readonly message?: string },
  delaysMs: readonly number[],
): Retry {
  const { code, message } = failure;
  const delayMs = delaysMs[Math.min(retry.failures, delaysMs.length - 1)] ?? 0;
  return {
    failures: retry.failures + 1,
    notBeforeMs: failure.nowMs + delayMs,
    ...(code !== undefined && isOfTheNetwork(code) ? { isOfNetwork: true } : {}),
    ...(code === undefined || message === undefined
      ? {}
      : { last: { code, message: message.slice(0, MESSAGE_LENGTH_MAX) } }),
    ...(retry.hurries === undefined ? {} : { hurries: retry.hurries }),
  };
}

/**
 * P7: the network is back, so what waits for it begins now. The wait that is cut short is given back, so that a flapping
 * session neither uses up the schedule nor, being counted, asks more often than HURRIES_MAX beyond it. Null: nothing to hurry.
 */
export function hurriedRetry(retry: Retry, nowMs: number): Retry | null {
  const { failures, notBeforeMs, hurries = 0 } = retry;
  if (retry.isOfNetwork !== true || notBeforeMs <= nowMs || hurries >= HURRIES_MAX) return null;
  return { failures: Math.max(0, failures - 1), notBeforeMs: nowMs, hurries: hurries + 1 };
}
