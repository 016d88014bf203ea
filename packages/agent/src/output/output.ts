/* The way of output through this process: taken, kept in the outbox, delivered. */
import type { AgentFrame } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { NumberedStreams, Outbox } from '../database/index.ts';
import { Delivery } from '../session/delivery.ts';
import { GroupIntake } from './intake.ts';
import type { OutputSocket } from './socket.ts';

export interface OutputOptions {
  readonly outbox: Outbox;
  readonly streams: NumberedStreams;
  readonly socket: OutputSocket;
  readonly clock: Clock;
  readonly send: (frame: AgentFrame) => boolean;
  readonly onAcknowledged: () => void;
  readonly onDefect: (error: unknown) => void;
}

export class Output {
  readonly intake: GroupIntake;
  readonly delivery: Delivery;
  readonly #socket: OutputSocket;

  constructor(options: OutputOptions) {
    this.#socket = options.socket;
    this.delivery = new Delivery(options);
    this.intake = new GroupIntake({ ...options, onTaken: () => this.delivery.more() });
  }

  /** Takes what programs of the host hand in, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#socket.run(this.intake, signal);
  }

  /** Resolves when all that was taken is on the disk. */
  async stop(): Promise<void> {
    await this.intake.stop();
  }
}
