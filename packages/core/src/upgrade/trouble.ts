import type { UpgradeState } from './state.ts';

/** Why the work of this state waits to be tried again, in a sentence; null: it does not, or nothing failed. */
export function troubleIn(state: UpgradeState): string | null {
  if (state.kind === 'idle' || state.retry.last === undefined) return null;
  const { code, message } = state.retry.last;
  return `${code}: ${message}`;
}
