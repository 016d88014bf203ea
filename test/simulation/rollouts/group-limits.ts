/* How many of a group may be down at once, and lately might: a permission that was given before is used for a while. */

interface Limit {
  readonly max: number;
  readonly sinceMs: number;
}

/** A permission that was given before its group was made smaller is used within this time. */
const GRANT_MS_MAX = 120_000;
const KEPT = 12;
/** Of a group of which nobody has said anything. */
const UNSAID = 1;

export class GroupLimits {
  readonly #limits = new Map<string, readonly Limit[]>();

  clear(): void {
    this.#limits.clear();
  }

  set(group: string, limit: Limit): void {
    this.#limits.set(group, [...(this.#limits.get(group) ?? []), limit].slice(-KEPT));
  }

  now(group: string): number {
    return this.#limits.get(group)?.at(-1)?.max ?? UNSAID;
  }

  /** The largest that was in force within the time that a permission is good for. */
  lately(group: string, nowMs: number): number {
    const all = this.#limits.get(group) ?? [];
    const isLate = (limit: Limit | undefined) =>
      limit === undefined || limit.sinceMs > nowMs - GRANT_MS_MAX;
    // One was in force till the next.
    const inForce = all.filter((limit, index) => isLate(limit) || isLate(all[index + 1]));
    return Math.max(UNSAID, ...inForce.map(({ max }) => max));
  }
}
