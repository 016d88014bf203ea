const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

export type SignedRole = 'root' | 'release' | 'snapshot' | 'timestamp';

/** How long a signature holds. Online roles are short: they bound how long a frozen view can be shown to an agent. */
export const LIFETIME_MS: Readonly<Record<SignedRole, number>> = {
  root: 5 * YEAR_MS,
  release: 2 * YEAR_MS,
  snapshot: 30 * DAY_MS,
  timestamp: 7 * DAY_MS,
};

/** Online roles are signed again, and people are warned of offline ones, when a quarter of the lifetime is left. */
export function isRenewalDue(options: {
  readonly role: SignedRole;
  readonly expiresMs: number;
  readonly nowMs: number;
}): boolean {
  return options.expiresMs - options.nowMs <= LIFETIME_MS[options.role] / 4;
}

/**
 * The next version of snapshot or timestamp. Unix minutes keep it above whatever a coordinator published
 * that was later restored from an older backup.
 */
export function nextOnlineVersion(lastVersion: number, nowMs: number): number {
  return Math.max(lastVersion + 1, Math.floor(nowMs / 60_000));
}

/**
 * The time to judge expiry by: a clock set back cannot bring expired metadata to life again. The floor is the
 * latest time at which metadata was found valid, kept with the metadata.
 */
export function effectiveNow(clock: { readonly nowMs: number; readonly floorMs: number }): number {
  return Math.max(clock.nowMs, clock.floorMs);
}

/**
 * The floor after metadata was accepted at `nowMs`. Never beyond what was just accepted as unexpired, so a
 * clock that was far ahead cannot leave a floor that refuses everything: it was refused itself.
 */
export function nextFloor(accepted: {
  readonly floorMs: number;
  readonly nowMs: number;
  readonly expiresMs: number;
}): number {
  return Math.max(accepted.floorMs, Math.min(accepted.nowMs, accepted.expiresMs));
}
