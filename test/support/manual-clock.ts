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

/** Lets everything that is ready run, and what the disk is asked for come: on a machine with other work that takes its time. */
export async function settle(): Promise<void> {
  const giveUpMs = performance.now() + REAL_MS_MAX;
  for (let turn = 0; turn < SETTLE_TURNS; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (isDiskAsked() && performance.now() < giveUpMs) turn = 0;
  }
}

const SETTLE_TURNS = 20;
/** Of a hang, not of speed: the machines are shared. */
const REAL_MS_MAX = 20_000;

function isDiskAsked(): boolean {
  return process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));
}

/** Waits, without time of this clock, for something that real sockets or files bring about. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const giveUpMs = performance.now() + REAL_MS_MAX;
  while (!isTrue()) {
    if (performance.now() >= giveUpMs) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
