/* How long an upgrade takes, for what is only supposed (N6): as it was measured, or, where nothing was, as it is assumed. */

/** Nobody has upgraded here yet: a fetch over a usual line, a drain and a probation. Said wherever it is used. */
export const ASSUMED_UPGRADE_MS = 120_000;

export interface UpgradeTime {
  /** The median of what was measured, or the assumption. Above 0. */
  readonly ms: number;
  /** Of so many upgrades that ended well; 0: it is assumed. */
  readonly measured: number;
}

/** Durations from start to commit, in any order. The median: one host that was away in between would move a mean. */
export function upgradeTimeOf(measuredMs: readonly number[]): UpgradeTime {
  const sorted = measuredMs.filter((ms) => ms >= 0).sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const middle =
    sorted.length % 2 === 1 ? sorted.slice(half, half + 1) : sorted.slice(half - 1, half + 1);
  if (sorted.length === 0) return { ms: ASSUMED_UPGRADE_MS, measured: 0 };
  const ms = middle.reduce((sum, one) => sum + one, 0) / middle.length;
  return { ms: Math.max(1, Math.round(ms)), measured: sorted.length };
}
