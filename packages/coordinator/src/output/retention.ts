/* Lets output and runs go when their time is over, in small writes between which everybody else has a turn (Q22). */
import { type Clock, everyMs, nextTurn } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Store } from '@moult/store';
import type { OutputSettings } from './settings.ts';

const EVERY_MS = 3_600_000;
/** Rows of one write: some ten milliseconds. */
const ROWS_AT_ONCE = 1_000;
const HOLDERS_AT_ONCE = 500;
/** What waits for a forward may be so many times as much as what is kept anyway. */
const HELD_TIMES = 2;

export interface RetentionOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly output: OutputSettings;
  /** The position up to which every forward has handed on; null: there is none. */
  readonly forwardedUpTo: () => number | null;
}

export class Retention {
  readonly #options: RetentionOptions;
  readonly #stop = new AbortController();
  #loop: Promise<unknown> = Promise.resolve();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, log } = this.#options;
    this.#loop = everyMs(clock, EVERY_MS, this.#stop.signal, async () => {
      try {
        await this.run();
      } catch (error) {
        log.error('old output could not be dropped; the next try is due in an hour', {
          err: error,
        });
      }
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  /** Everything whose time is over now. */
  async run(): Promise<void> {
    const { store } = this.#options;
    for (let after = ''; ; ) {
      const holders = await store.read('outputHolders', { after, limit: HOLDERS_AT_ONCE });
      for (const { id, bytes, oldestMs } of holders) {
        const { keepMs, keepBytes } = this.#options.output;
        const isDue = oldestMs !== null && oldestMs < this.#nowMs - keepMs;
        if (isDue || bytes > keepBytes) await this.#dropOutput(id);
        if (this.#stop.signal.aborted) return;
      }
      const last = holders.at(-1);
      if (last === undefined || holders.length < HOLDERS_AT_ONCE) break;
      after = last.id;
      await nextTurn();
    }
    const beforeMs = this.#nowMs - this.#options.output.keepRunsMs;
    await this.#untilDone(() => store.write('dropRuns', { beforeMs, limit: ROWS_AT_ONCE }));
  }

  #dropOutput(instanceId: string): Promise<void> {
    const { store, output, forwardedUpTo } = this.#options;
    return this.#untilDone(() =>
      store.write('dropOutput', {
        instanceId,
        beforeMs: this.#nowMs - output.keepMs,
        bytesMax: output.keepBytes,
        forwardedUpTo: forwardedUpTo(),
        heldBytesMax: HELD_TIMES * output.keepBytes,
        limit: ROWS_AT_ONCE,
      }),
    );
  }

  async #untilDone(write: () => Promise<{ readonly isMore: boolean }>): Promise<void> {
    while (!this.#stop.signal.aborted && (await write()).isMore) await nextTurn();
  }

  get #nowMs(): number {
    return this.#options.clock.nowMs();
  }
}
