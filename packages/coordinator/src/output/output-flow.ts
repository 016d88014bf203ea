/* What becomes of output once it is stored: whoever waits is woken, it is handed on, and in time it goes. */
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { ForwardTable, Store } from '@moult/store';
import { ForwardFile } from './forward-file.ts';
import { ForwardWebhook } from './forward-webhook.ts';
import { Forwarder } from './forwarder.ts';
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
  readonly #forwarders: readonly Forwarder[];
  readonly #retention: Retention;

  constructor(options: OutputFlowOptions) {
    const { clock, output } = options;
    this.waiters = new OutputWaiters(options);
    this.#forwarders = output.forwards.map((target) => {
      const sink =
        target.kind === 'file'
          ? new ForwardFile(target.path)
          : new ForwardWebhook({ webhook: target, clock });
      return new Forwarder({ ...options, waiters: this.waiters, sink });
    });
    this.#retention = new Retention({
      ...options,
      forwardedUpTo: () =>
        this.forwards.length === 0
          ? null
          : Math.min(...this.forwards.map(({ position }) => position)),
    });
  }

  /** As the store has them. */
  get forwards(): readonly ForwardTable[] {
    return this.#forwarders.map(({ row }) => row);
  }

  async start(): Promise<void> {
    for (const forwarder of this.#forwarders) await forwarder.start();
    this.#retention.start();
  }

  /** Lets go what was kept for long enough. */
  trim(): Promise<void> {
    return this.#retention.run();
  }

  async stop(): Promise<void> {
    this.waiters.stop();
    await Promise.all(this.#forwarders.map((forwarder) => forwarder.stop()));
    await this.#retention.stop();
  }
}
