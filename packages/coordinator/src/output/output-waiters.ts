/* Who waits for output: woken when a batch of one of their instances was stored, and otherwise by their time. */
import type { Clock } from '@moult/runtime/clock';

/** Each holds a connection; beyond, questions are answered at once and ask again. */
const WAITING_MAX = 1_000;

/** No id of an instance. */
const EVERYBODY = '';

export interface OutputWatch {
  /** Until something was stored since the last wait (or the watch was made), the time is up, or nobody wants it any more. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  end(): void;
}

export class OutputWaiters {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<() => void>>();
  #count = 0;
  #isStopped = false;

  constructor(options: { readonly clock: Clock }) {
    this.#clock = options.clock;
  }

  stored(instanceId: string): void {
    for (const key of [instanceId, EVERYBODY]) {
      for (const wake of this.#waiting.get(key) ?? []) wake();
    }
  }

  /** Who waits is answered with what there is; nobody begins to wait. */
  stop(): void {
    this.#isStopped = true;
    for (const instanceId of [...this.#waiting.keys()]) this.stored(instanceId);
  }

  /** To be made before one looks, so that nothing is missed that comes after; null: nobody more may wait. */
  watch(instanceIds: readonly string[]): OutputWatch | null {
    if (this.#isStopped || this.#count >= WAITING_MAX) return null;
    return this.#watch(instanceIds);
  }

  /** Output of all of them. For the few that are part of this coordinator. */
  watchAll(): OutputWatch {
    return this.#watch([EVERYBODY]);
  }

  #watch(instanceIds: readonly string[]): OutputWatch {
    let isWoken = false;
    let sleeping: AbortController | null = null;
    const wake = (): void => {
      isWoken = true;
      sleeping?.abort();
    };
    this.#count += 1;
    for (const id of instanceIds) {
      this.#waiting.set(id, (this.#waiting.get(id) ?? new Set()).add(wake));
    }
    return {
      wait: async (ms, signal) => {
        sleeping = new AbortController();
        const until = AbortSignal.any([sleeping.signal, signal]);
        // Ended early is as good as over: whoever waited looks again.
        if (!isWoken) await this.#clock.sleep(ms, until).catch(() => undefined);
        sleeping = null;
        isWoken = false;
      },
      end: () => this.#end(instanceIds, wake),
    };
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  #end(instanceIds: readonly string[], wake: () => void): void {
    this.#count -= 1;
    for (const id of instanceIds) {
      const wakes = this.#waiting.get(id);
      wakes?.delete(wake);
      if (wakes?.size === 0) this.#waiting.delete(id);
    }
  }
}
