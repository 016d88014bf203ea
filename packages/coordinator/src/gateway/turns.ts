/*
 * Thousands of hosts come back at once after a restart, and the event loop hands over everything that has arrived in one
 * piece: seconds of upgrades and proofs, in which nobody else is answered. Here each waits until the loop has room.
 */
import { nextTurn } from '@moult/runtime/clock';

/** The dearest, a proof, takes some 0.3 ms: 20 ms together. */
const PER_TURN = 64;

export class Turns {
  readonly #waiting: (() => void)[] = [];
  #left = PER_TURN;
  #isRenewing = false;

  /** Resolves when it is the caller's turn, first come first served. */
  async take(): Promise<void> {
    if (!this.#isRenewing) void this.#renew();
    if (this.#left > 0) this.#left -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async #renew(): Promise<void> {
    this.#isRenewing = true;
    do {
      await nextTurn();
      const next = this.#waiting.splice(0, PER_TURN);
      this.#left = PER_TURN - next.length;
      for (const resolve of next) resolve();
    } while (this.#left < PER_TURN);
    this.#isRenewing = false;
  }
}
