/* What becomes of output once it is stored: whoever waits is woken, and in time it goes. */
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Store } from '@moult/store';
import { OutputWaiters } from './output-waiters.ts';
import { Retention } from './retention.ts';
import type { OutputSettings } from './settings.ts';

export interface OutputFlowOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly output: OutputSettings;
}

export class OutputFlow {
  readonly waiters: OutputWaiters;
  readonly #retention: Retention;

  constructor(options: OutputFlowOptions) {
    this.waiters = new OutputWaiters(options);
    this.#retention = new Retention({ ...options, forwardedUpTo: () => null });
  }

  start(): void {
    this.#retention.start();
  }

  /** Lets go what was kept for long enough. */
  trim(): Promise<void> {
    return this.#retention.run();
  }

  async stop(): Promise<void> {
    this.waiters.stop();
    await this.#retention.stop();
  }
}
