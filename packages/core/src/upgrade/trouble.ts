import { namedFailure } from './named-failures.ts';
import type { UpgradeState } from './state.ts';

/** Why the work of this state waits to be tried again, by name (H17), in a sentence; null: it does not, or nothing failed. */
export function troubleIn(state: UpgradeState): string | null {
  if (state.kind === 'idle' || state.retry.last === undefined) return null;
  const { last, notBeforeMs } = state.retry;
  const { code, message } = namedFailure(last);
  return `${code}: ${message}; tried again from ${new Date(notBeforeMs).toISOString()} on`;
}
