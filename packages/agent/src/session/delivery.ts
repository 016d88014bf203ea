/*
 * Q8. Output goes out in order, some batches at a time, and is forgotten when the coordinator has it durably. The first of
 * them goes at once with whatever there is, those behind it when they are full: many small records share a commit there.
 * Nothing is in memory but what is on its way. What is not acknowledged goes out again: by a new session, or after a
 * while, one batch at a time then.
 */
import type { AgentFrame } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import {
  type Amount,
  BATCH_BYTES_MAX,
  BATCH_ITEMS_MAX,
  BATCHES_IN_FLIGHT_MAX,
  type Outbox,
} from '../database/index.ts';
import { pause } from '../waiting.ts';

/** A coordinator commits a batch within milliseconds; this long without a word, it was lost. */
const ACKNOWLEDGE_MS = 30_000;
/** A coordinator that is slow is not pressed: each time it takes twice as long until a batch goes out again. */
const ACKNOWLEDGE_MS_MAX = 8 * ACKNOWLEDGE_MS;

/** Made once: a reason of its own for each wait costs more than the wait. */
const ANSWERED = new Error('answered, or not waited for any more');

interface Sent {
  readonly lastSequence: number;
  readonly amount: Amount;
}

export interface DeliveryOptions {
  readonly outbox: Outbox;
  readonly clock: Clock;
  /** False: there is no session. */
  readonly send: (frame: AgentFrame) => boolean;
  readonly onAcknowledged: () => void;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  #isLive = false;
  /** What this session agreed to, and what was acknowledged in it. */
  #acknowledged = 0;
  #epoch = '';
  #inFlight: readonly Sent[] = [];
  #batchesMax = BATCHES_IN_FLIGHT_MAX;
  #sentUpTo = 0;
  /** Also of what goes out again. */
  #everSentUpTo = 0;
  #patienceMs = ACKNOWLEDGE_MS;
  /** Aborting ends the wait for an acknowledgement. */
  #waiting: AbortController | null = null;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  begin(known: { readonly epoch: string; readonly sequence: number }): void {
    this.#isLive = true;
    this.#acknowledged = this.#options.outbox.agree(known);
    this.#everSentUpTo = this.#acknowledged;
    this.#patienceMs = ACKNOWLEDGE_MS;
    this.#batchesMax = BATCHES_IN_FLIGHT_MAX;
    this.#goBack();
    this.#options.onAcknowledged();
    this.more();
  }

  lost(): void {
    this.#isLive = false;
    this.#goBack();
  }

  /** There may be something to send. */
  more(): void {
    while (this.#isLive && this.#mayGo()) {
      const batch = this.#options.outbox.batchAfter(this.#sentUpTo, BATCH_BYTES_MAX);
      if (batch === null) return;
      const { epoch, firstSequence, lastSequence, items, amount } = batch;
      const message = { epoch, firstSequence, items };
      if (!this.#options.send({ kind: 'output', message })) return;
      this.#epoch = epoch;
      this.#inFlight = [...this.#inFlight, { lastSequence, amount }];
      this.#sentUpTo = lastSequence;
      this.#everSentUpTo = Math.max(this.#everSentUpTo, lastSequence);
      if (this.#waiting === null) this.#wait();
    }
  }

  acknowledged(epoch: string, lastSequence: number): void {
    // Q6: what was never sent cannot have been stored.
    if (epoch !== this.#epoch || lastSequence > this.#everSentUpTo) return;
    this.#options.outbox.acknowledge(epoch, lastSequence);
    if (lastSequence > this.#acknowledged) {
      this.#acknowledged = lastSequence;
      this.#sentUpTo = Math.max(this.#sentUpTo, lastSequence);
      this.#patienceMs = ACKNOWLEDGE_MS;
      this.#batchesMax = BATCHES_IN_FLIGHT_MAX;
    }
    this.#inFlight = this.#inFlight.filter((sent) => sent.lastSequence > this.#acknowledged);
    this.#wait();
    this.#options.onAcknowledged();
    this.more();
  }

  #mayGo(): boolean {
    const first = this.#inFlight[0];
    if (first === undefined) return true;
    if (this.#inFlight.length >= this.#batchesMax) return false;
    const all = this.#options.outbox.amount();
    const [items, bytes] = this.#inFlight.reduce(
      ([i, b], { amount }) => [i - amount.items, b - amount.bytes],
      [all.items, all.bytes],
    );
    return items >= BATCH_ITEMS_MAX || bytes >= BATCH_BYTES_MAX;
  }

  /** For the next acknowledgement, from now on. */
  #wait(): void {
    this.#waiting?.abort(ANSWERED);
    this.#waiting = null;
    if (this.#inFlight.length === 0) return;
    const waiting = new AbortController();
    this.#waiting = waiting;
    void pause(this.#options.clock, this.#patienceMs, waiting.signal).then((isOver) => {
      if (!isOver || this.#waiting !== waiting) return;
      this.#patienceMs = Math.min(2 * this.#patienceMs, ACKNOWLEDGE_MS_MAX);
      this.#batchesMax = 1;
      this.#goBack();
      this.more();
    });
  }

  #goBack(): void {
    this.#inFlight = [];
    this.#sentUpTo = this.#acknowledged;
    this.#wait();
  }
}
