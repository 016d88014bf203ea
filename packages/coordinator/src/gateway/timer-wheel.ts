/*
 * Deadlines of many sessions without a timer for each: one bucket a second, one tick a second. An item has at most one
 * deadline; setting another moves it.
 */
export interface WheelItem {
  /** The bucket that it lies in; the wheel's own. 0: none. */
  wheelBucket: number;
  /** Called with the time of the tick, by the monotonic clock, at most one second late. */
  onDeadline(nowMs: number): void;
}

export const TICK_MS = 1_000;

export class TimerWheel {
  readonly #buckets = new Map<number, Set<WheelItem>>();
  #nextBucket: number;

  constructor(nowMs: number) {
    this.#nextBucket = bucketOf(nowMs);
  }

  set(item: WheelItem, dueMs: number): void {
    this.clear(item);
    const bucket = Math.max(bucketOf(dueMs), this.#nextBucket);
    const items = this.#buckets.get(bucket);
    if (items === undefined) this.#buckets.set(bucket, new Set([item]));
    else items.add(item);
    item.wheelBucket = bucket;
  }

  clear(item: WheelItem): void {
    if (item.wheelBucket === 0) return;
    const items = this.#buckets.get(item.wheelBucket);
    items?.delete(item);
    if (items?.size === 0) this.#buckets.delete(item.wheelBucket);
    item.wheelBucket = 0;
  }

  tick(nowMs: number): void {
    const now = Math.floor(nowMs / TICK_MS);
    // A machine that slept for a day has few buckets and many empty seconds.
    const due = [...this.#buckets.keys()].filter((bucket) => bucket <= now).sort((a, b) => a - b);
    this.#nextBucket = now + 1;
    for (const bucket of due) {
      const items = this.#buckets.get(bucket) ?? [];
      this.#buckets.delete(bucket);
      for (const item of items) {
        item.wheelBucket = 0;
        item.onDeadline(nowMs);
      }
    }
  }
}

/** Rounded up: never early. */
function bucketOf(ms: number): number {
  return Math.ceil(ms / TICK_MS);
}
