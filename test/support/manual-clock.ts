import type { Clock } from '@moult/runtime/clock';

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Time that passes only when a test says so. */
export class ManualClock implements Clock {
  #wallMs: number;
  #passedMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(wallMs = 1_800_000_000_000) {
    this.#wallMs = wallMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#passedMs;
  }

  /** Sets the date without letting time pass. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const sleeper: Sleeper = {
        dueMs: this.#passedMs + Math.max(0, ms),
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
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** The machine sleeps: time passes, and who was to be woken meanwhile is late. */
  stall(ms: number): void {
    this.#pass(ms);
  }

  /** Lets time pass, waking sleepers in the order in which they are due. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#passedMs + ms;
    for (;;) {
      await settle();
      const next = [...this.#sleepers].sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.#pass(Math.max(0, next.dueMs - this.#passedMs));
      next.wake();
    }
    this.#pass(endMs - this.#passedMs);
    await settle();
  }

  #pass(ms: number): void {
    this.#passedMs += ms;
    this.#wallMs += ms;
  }
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const UNTIL_TURNS_MAX = 20_000;

/** Waits, without time, for something that real sockets or files bring about. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < UNTIL_TURNS_MAX; turn++) {
    if (isTrue()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`did not happen: ${what}`);
}
