import type { Clock } from '@moult/runtime/clock';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Time that stands until it is moved. */
export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs = 1_000_000;
  #sleepers: Sleeper[] = [];
  readonly #noticed: (() => void)[] = [];

  constructor(nowMs = 1_800_000_000_000) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        dueMs: this.#monotonicMs + ms,
        wake: () => {
          signal?.removeEventListener('abort', aborted);
          resolve();
        },
      };
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', aborted, { once: true });
      this.#sleepers.push(sleeper);
      this.#noticed.splice(0).forEach((notice) => {
        notice();
      });
    });
  }

  /** Resolves when somebody sleeps who is due in so long. */
  async slept(ms: number): Promise<void> {
    while (!this.#sleepers.some((one) => one.dueMs === this.#monotonicMs + ms)) {
      await new Promise<void>((resolve) => this.#noticed.push(resolve));
    }
  }

  /** Moves both clocks, waking who is due in order. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    for (;;) {
      const next = this.#sleepers
        .filter((one) => one.dueMs <= endMs)
        .sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#sleepers = this.#sleepers.filter((one) => one !== next);
      this.#moveTo(next.dueMs);
      next.wake();
      // Whoever woke goes back to sleep before the next one is looked for.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
    this.#moveTo(endMs);
  }

  #moveTo(monotonicMs: number): void {
    this.#nowMs += Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs = Math.max(monotonicMs, this.#monotonicMs);
  }
}
