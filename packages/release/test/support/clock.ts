import type { Clock } from '@moult/runtime/clock';

/** A clock that stands still: what sleeps on it sleeps until it is moved. */
export class StillClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  readonly #sleepers = new Set<{ untilMs: number; wake: () => void }>();

  constructor(nowMs = Date.parse('2026-11-20T12:00:00Z')) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  get sleepers(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const sleeper = {
        untilMs: this.#monotonicMs + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener('abort', aborted);
          resolve();
        },
      };
      const aborted = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', aborted, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#monotonicMs += ms;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.untilMs <= this.#monotonicMs) sleeper.wake();
    }
  }

  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}
