/*
 * How many handshakes may be under way. Proofs are answered in the order in which they came, so the oldest that waits for the
 * store says how long a new one would wait. Whoever takes more than it answers in time answers nobody: every agent
 * gives up, comes again and is more work. The others are told when to come, each another time.
 */
import type { Random } from '@moult/runtime/random';

/** A fifth of what a handshake may take in all: the way to the host and back is in it, too. */
const WAIT_MS_MAX = 2_000;
/** So many seconds of handshakes are put off at most; what does not find room then is put off again. */
const RETRY_MS_MAX = 10_000;

export class Admission {
  /** By the time when they began; the oldest first. */
  readonly #waiting = new Map<object, number>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  hasRoom(nowMs: number): boolean {
    const [oldestMs] = this.#waiting.values();
    return oldestMs === undefined || nowMs - oldestMs < WAIT_MS_MAX;
  }

  /** One that was put off comes again after so long. */
  retryAfterMs(): number {
    return Math.ceil(RETRY_MS_MAX * this.#random.fraction());
  }

  /** Counts it until its work has ended, however it ends. */
  async count<T>(handshake: object, nowMs: number, work: () => Promise<T>): Promise<T> {
    this.#waiting.set(handshake, nowMs);
    try {
      return await work();
    } finally {
      this.#waiting.delete(handshake);
    }
  }
}
