/*
 * The process that is to serve next, started while the one before it works: it has loaded all that it needs and waits for
 * `spawned` (B20). At most one; it is handed over once, or ended.
 */
import type { Slot } from '@moult/core/boot';
import type { Clock } from '@moult/runtime/clock';
import type { PipedProcess } from './agent-process.ts';

/** A start takes a second; until then the agent goes on with its work. */
const START_MS_MAX = 10_000;
/** Tasks may hold an upgrade up for hours: its memory is not held for as long, and it is started anew then. */
const KEPT_MS_MAX = 600_000;
const READY = '{"kind":"prepared"}';

export class Prepared {
  readonly #clock: Clock;
  #held: {
    readonly slot: Slot;
    readonly process: PipedProcess;
    readonly over: AbortController;
  } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  holds(slot: Slot): boolean {
    return this.#held?.slot.digest === slot.digest && !this.#held.process.isOver;
  }

  /** Null: it waits. Else why not, and it is ended. */
  async take(slot: Slot, process: PipedProcess): Promise<string | null> {
    this.drop();
    const over = new AbortController();
    this.#held = { slot, process, over };
    const late = this.#clock.sleep(START_MS_MAX, over.signal).then(
      () => null,
      () => null,
    );
    const word = await Promise.race([process.spoke, late]);
    if (this.#held?.process !== process) return 'it is not wanted any more';
    if (word === READY) {
      void this.#clock.sleep(KEPT_MS_MAX, over.signal).then(
        () => this.drop(),
        () => undefined,
      );
      return null;
    }
    this.drop();
    if (word === null) return `it did not wait within ${START_MS_MAX / 1_000} s`;
    return word === false ? 'it ended by itself' : 'it did not say that it waits';
  }

  /** The one that waits, if it is of this slot and lives; any other is ended. */
  give(slot: Slot): PipedProcess | null {
    const held = this.#held;
    if (held === null || !this.holds(slot)) {
      this.drop();
      return null;
    }
    this.#held = null;
    held.over.abort();
    return held.process;
  }

  drop(): void {
    this.#held?.over.abort();
    this.#held?.process.kill();
    this.#held = null;
  }
}
