/*
 * Output goes out in order, one batch at a time, and is forgotten when the coordinator has it durably. A batch that
 * is not acknowledged goes out again: by a new session, or after a while.
 */
import { type AgentFrame, FRAME_BYTES_MAX } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Outbox } from '../database/index.ts';
import { pause } from '../waiting.ts';

const BATCH_BYTES_MAX = FRAME_BYTES_MAX / 2;
/** A coordinator commits a batch within milliseconds; this long without a word, it was lost. */
const ACKNOWLEDGE_MS_MAX = 30_000;

export class Delivery {
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #send: (frame: AgentFrame) => boolean;
  readonly #onAcknowledged: () => void;
  /** Sent and not acknowledged; aborting ends the wait for it. */
  #inFlight: AbortController | null = null;
  #sentUpTo = 0;
  #isLive = false;

  constructor(options: {
    readonly outbox: Outbox;
    readonly clock: Clock;
    readonly send: (frame: AgentFrame) => boolean;
    readonly onAcknowledged: () => void;
  }) {
    this.#outbox = options.outbox;
    this.#clock = options.clock;
    this.#send = options.send;
    this.#onAcknowledged = options.onAcknowledged;
  }

  begin(known: { readonly epoch: string; readonly sequence: number }): void {
    this.#isLive = true;
    this.#settle();
    this.#sentUpTo = this.#outbox.agree(known);
    this.#onAcknowledged();
    this.more();
  }

  lost(): void {
    this.#isLive = false;
    this.#settle();
  }

  /** There may be something to send. */
  more(): void {
    if (!this.#isLive || this.#inFlight !== null) return;
    const batch = this.#outbox.batchAfter(this.#sentUpTo, BATCH_BYTES_MAX);
    if (batch === null) return;
    if (!this.#send({ kind: 'output', message: batch })) return;
    const waiting = new AbortController();
    this.#inFlight = waiting;
    const before = this.#sentUpTo;
    this.#sentUpTo = batch.firstSequence + batch.items.length - 1;
    void pause(this.#clock, ACKNOWLEDGE_MS_MAX, waiting.signal).then((isOver) => {
      if (!isOver || this.#inFlight !== waiting) return;
      this.#inFlight = null;
      this.#sentUpTo = before;
      this.more();
    });
  }

  acknowledged(epoch: string, lastSequence: number): void {
    this.#outbox.acknowledge(epoch, lastSequence);
    if (lastSequence >= this.#sentUpTo) this.#settle();
    this.#onAcknowledged();
    this.more();
  }

  #settle(): void {
    this.#inFlight?.abort();
    this.#inFlight = null;
  }
}
