/*
 * Hands output on to one target, in the order of its positions, each at least once (Q23): a batch is durable there before
 * the mark in the store moves. A target that is away is asked ever more rarely, and loses nothing while output is kept.
 */
import { codedErrorFrom } from '@moult/core/errors';
import { type Clock, nextTurn } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { ForwardTable, Store } from '@moult/store';
import { linesOf } from './forward-lines.ts';
import type { OutputWaiters } from './output-waiters.ts';

export interface ResumeFacts {
  /** As the store has it: 0, before the first. */
  readonly storedPosition: number;
  /** Of all output. */
  readonly newestPosition: number;
}

export interface ForwardSink {
  /** Its key in the store, and how it is shown. */
  readonly target: string;
  /** The last position that it has. */
  resume(facts: ResumeFacts): Promise<number>;
  /** Whole lines; it has them durably when this resolves. Throws `forward-failed`. */
  deliver(lines: string, signal: AbortSignal): Promise<void>;
}

const ROWS_AT_ONCE = 500;
/** Before they are JSON. */
const BYTES_AT_ONCE = 524_288;
/** Without a word that there is more, it is looked for all the same. */
const IDLE_MS = 60_000;
const RETRY_MS_FIRST = 1_000;
const RETRY_MS_MAX = 300_000;

export interface ForwarderOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly waiters: OutputWaiters;
  readonly sink: ForwardSink;
}

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #stop = new AbortController();
  /** Null: to be asked for. */
  #position: number | null = null;
  #row: ForwardTable;
  #failures = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    const { target } = options.sink;
    this.#row = { target, position: 0, failing_since_ms: null, trouble: '', tried_ms: 0 };
  }

  /** As the store has it. */
  get row(): ForwardTable {
    return this.#row;
  }

  /** Its mark is known then: nothing that it needs may go before. */
  async start(): Promise<void> {
    const rows = await this.#options.store.read('allForwards', null);
    this.#row = rows.find(({ target }) => target === this.#row.target) ?? this.#row;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, waiters } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const watch = waiters.watchAll();
      try {
        if (!(await this.#forward())) await watch.wait(IDLE_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#failed(error);
        const waitMs = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** (this.#failures - 1));
        await clock.sleep(waitMs, signal).catch(() => undefined);
      } finally {
        watch.end();
      }
      await nextTurn();
    }
  }

  /** False: there is nothing left. */
  async #forward(): Promise<boolean> {
    const { store, clock, sink } = this.#options;
    const storedPosition = this.#row.position;
    this.#position ??= await sink.resume({
      storedPosition,
      newestPosition: await store.read('newestOutput', null),
    });
    const page = { after: this.#position, limit: ROWS_AT_ONCE, bytesMax: BYTES_AT_ONCE };
    const rows = await store.read('forwardPage', page);
    const last = rows.at(-1);
    if (last !== undefined) await sink.deliver(linesOf(rows), this.#stop.signal);
    const position = last?.position ?? this.#position;
    if (position !== storedPosition || this.#row.failing_since_ms !== null) {
      await this.#record({ position, failing_since_ms: null, trouble: '' }, clock.nowMs());
    }
    this.#position = position;
    this.#failures = 0;
    return last !== undefined;
  }

  async #failed(error: unknown): Promise<void> {
    const { clock, log, sink } = this.#options;
    const { code, message } = codedErrorFrom(error);
    this.#failures += 1;
    // Some of it may be there: the target is asked again.
    this.#position = null;
    if (this.#failures === 1) {
      log.error('output could not be forwarded; it is tried again', {
        target: sink.target,
        code,
        reason: message,
      });
    }
    const nowMs = clock.nowMs();
    const since = this.#row.failing_since_ms ?? nowMs;
    try {
      await this.#record({ failing_since_ms: since, trouble: message }, nowMs);
    } catch {
      // The store is in trouble itself, and says so elsewhere.
    }
  }

  async #record(set: Partial<ForwardTable>, nowMs: number): Promise<void> {
    const row = { ...this.#row, ...set, tried_ms: nowMs };
    await this.#options.store.write('recordForward', row);
    this.#row = row;
  }
}
