/*
 * What the host knows of time. Suspended, it runs no timer and its monotonic clock stands, while the world goes on; the
 * wall clock has gone on when it wakes. A stall (scheduler) is the other thing: there all timers are late.
 */
import type { Scheduler, Task } from './scheduler.ts';

export class HostClock {
  readonly #scheduler: Scheduler;
  #sleptMs = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  get monotonicMs(): number {
    return this.#scheduler.nowMs - this.#sleptMs;
  }

  /** Everything that the world has due meanwhile happens when the host is awake again, late for the host alone. */
  suspend(ms: number): void {
    this.#sleptMs += ms;
    this.#scheduler.stall(ms);
  }

  after(delayMs: number, run: () => void): Task {
    const dueMs = this.monotonicMs + Math.max(0, delayMs);
    let task: Task;
    const fire = () => {
      // Slept in between: what was left of the wait is left.
      const leftMs = dueMs - this.monotonicMs;
      if (leftMs > ROUNDING_MS) task = this.#scheduler.after(leftMs, fire);
      else run();
    };
    task = this.#scheduler.after(delayMs, fire);
    return { cancel: () => task.cancel() };
  }
}

/** Sums of fractions of milliseconds are not exact. */
const ROUNDING_MS = 0.01;
