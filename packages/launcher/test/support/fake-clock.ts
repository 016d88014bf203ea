import type { Clock } from '@moult/runtime/clock';

interface Sleeper {
  readonly ms: number;
  readonly wake: () => void;
}

/** Time that passes when a test says so. `fire(ms)` waits until somebody sleeps that long, then wakes them. */
export class FakeClock implements Clock {
  #nowMs = 1_800_000_000_000;
  readonly #sleepers = new Set<Sleeper>();
  readonly #watchers = new Set<() => void>();

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const sleeper: Sleeper = { ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      });
      for (const watcher of [...this.#watchers]) watcher();
    });
  }

  async fire(ms: number): Promise<void> {
    const found = await new Promise<Sleeper>((resolve) => {
      const look = () => {
        const sleeper = [...this.#sleepers].find((one) => one.ms === ms);
        if (sleeper === undefined) return;
        this.#watchers.delete(look);
        resolve(sleeper);
      };
      this.#watchers.add(look);
      look();
    });
    this.#sleepers.delete(found);
    this.#nowMs += ms;
    found.wake();
    // The sleeper goes on in a microtask, and goes back to sleep in later ones.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async fireTimes(ms: number, times: number): Promise<void> {
    for (let count = 0; count < times; count++) await this.fire(ms);
  }
}
