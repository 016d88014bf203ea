/*
 * What the coordinator has not acknowledged yet, in order. Its rows cover every sequence number above the last
 * acknowledged one, each exactly once: an item covers its own, a gap those of all that it stands for (Q2).
 *
 * The process that holds the lock is the only writer, so what the stream row says, and how much there is, is kept in
 * memory; it is believed as long as the row says the same, for the transaction that wrote it may have been undone.
 */
import type { DatabaseSync } from 'node:sqlite';
import { OUTPUT_ITEMS_MAX, type OutputItem } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import { transact } from './open.ts';
import { type DropReason, type OldRecord, OutboxDrops } from './outbox-drops.ts';
import { type Amount, decodeItem, difference, encodeItem, messagesIn, sum } from './outbox-item.ts';
import {
  BATCH_BYTES_MAX,
  BATCH_ITEMS_MAX,
  BATCHES_IN_FLIGHT_MAX,
  type OutboxLimits,
  weightOf,
} from './outbox-limits.ts';
import { INSERTED_TOGETHER, type OutboxStatements, outboxStatements } from './outbox-statements.ts';

export interface Batch {
  readonly epoch: string;
  readonly firstSequence: number;
  /** Of the last number that its items cover. */
  readonly lastSequence: number;
  readonly items: readonly OutputItem[];
  readonly amount: Amount;
}

/**
 * An epoch is one life of the stream; a new one begins when the two sides cannot agree on positions, and says with a
 * `gap` what is missing: never a silent hole.
 */
export interface Outbox {
  /** Inside the caller's transaction if there is one. `attemptId`: at most one item an attempt. */
  append(item: OutputItem, attemptId?: string): void;
  /** All of them in one transaction with `effect`, or nothing; what has no room any more makes place for them (Q3). */
  appendAll(items: readonly OutputItem[], effect?: () => void): void;
  holds(attemptId: string): boolean;
  /** Whether anything is left that was there when this process began: a host that never stops talking has no empty outbox. */
  hasLeftover(): boolean;
  amount(): Amount;
  /** Items above `afterSequence`, as many as fit. Null: none. */
  batchAfter(afterSequence: number, bytesMax: number): Batch | null;
  /** Forgets what the coordinator has durably. Another epoch's word changes nothing. */
  acknowledge(epoch: string, lastSequence: number): void;
  /** Agrees with what the coordinator says it has; returns the sequence after which to send. */
  agree(known: { readonly epoch: string; readonly sequence: number }): number;
}

export interface OutboxOptions {
  readonly newEpoch: () => string;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly limits: OutboxLimits;
}

export function createOutbox(database: DatabaseSync, options: OutboxOptions): Outbox {
  return new SqliteOutbox(database, options);
}

interface Stream {
  readonly epoch: string;
  readonly lastSequence: number;
  readonly acknowledged: number;
}

class SqliteOutbox implements Outbox {
  readonly #database: DatabaseSync;
  readonly #options: OutboxOptions;
  readonly #drops: OutboxDrops;
  readonly #statements: OutboxStatements;
  readonly #leftoverUpTo: number;
  #stream: Stream | null = null;
  /** Null: to be counted. */
  #amount: Amount | null = null;
  /** In this epoch. Null: this process has not looked how much the one before it may have sent. */
  #sentUpTo: number | null = null;
  /** Below this sequence there is no record that could be dropped. */
  #lookFrom = 0;
  /** Time of records, less the monotonic clock's. Null: nothing was taken yet. */
  #timeOffsetMs: number | null = null;

  constructor(database: DatabaseSync, options: OutboxOptions) {
    this.#database = database;
    this.#options = options;
    this.#drops = new OutboxDrops(database);
    this.#statements = outboxStatements(database);
    this.#leftoverUpTo = Number(this.#statements.stream.get()?.['last_sequence'] ?? 0);
  }

  append(item: OutputItem, attemptId?: string): void {
    this.#change((now) => this.#insertAll(now, [item], attemptId ?? null));
  }

  appendAll(items: readonly OutputItem[], effect?: () => void): void {
    this.#change((now) => {
      effect?.();
      const next = this.#insertAll(now, items, null);
      this.#makeRoom(next);
      return next;
    });
  }

  holds(attemptId: string): boolean {
    return this.#statements.held.get(attemptId) !== undefined;
  }

  hasLeftover(): boolean {
    return this.#statements.anyUpTo.get(this.#leftoverUpTo) !== undefined;
  }

  amount(): Amount {
    this.#now();
    return this.#counted();
  }

  batchAfter(afterSequence: number, bytesMax: number): Batch | null {
    const now = this.#now();
    const items: OutputItem[] = [];
    let [firstSequence, lastSequence, bytes, wireBytes, messages] = [0, 0, 0, 0, 0];
    for (const [sequence, covers, rowBytes, text] of this.#rowsAfter(afterSequence)) {
      // Never less than what the wire takes: names of fields become numbers there, and base64 bytes.
      wireBytes += Buffer.byteLength(text);
      const item = decodeItem(text);
      messages += messagesIn(item);
      if (items.length > 0 && (wireBytes > bytesMax || messages > OUTPUT_ITEMS_MAX)) break;
      if (items.length === 0) firstSequence = sequence - covers + 1;
      items.push(item);
      lastSequence = sequence;
      bytes += rowBytes;
      if (items.length === BATCH_ITEMS_MAX) break;
    }
    if (items.length === 0) return null;
    this.#sentUpTo = Math.max(lastSequence, this.#mayBeSentUpTo(now));
    const { epoch } = now;
    return { epoch, firstSequence, lastSequence, items, amount: { items: items.length, bytes } };
  }

  /** Some at a time: one by one costs three times as much, and all at once could be hundreds of MiB. */
  *#rowsAfter(afterSequence: number): Generator<HeldRow> {
    for (let after = afterSequence; ; ) {
      const rows = this.#statements.after.all(after) as unknown as readonly HeldRow[];
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last[0];
    }
  }

  acknowledge(epoch: string, lastSequence: number): void {
    this.#change((now) => {
      if (epoch !== now.epoch || lastSequence <= now.acknowledged) return now;
      // More than was ever sent is no acknowledgement of ours.
      if (lastSequence > now.lastSequence) return now;
      return this.#forgetUpTo(now, lastSequence);
    });
  }

  agree(known: { readonly epoch: string; readonly sequence: number }): number {
    this.#change((now) => {
      const next = this.#agreed(now, known);
      this.#makeRoom(next);
      return next;
    });
    return this.#now().acknowledged;
  }

  #agreed(now: Stream, known: { readonly epoch: string; readonly sequence: number }): Stream {
    const isSame = known.epoch === now.epoch;
    // This host was put back: what was taken since then and not delivered is gone, and nobody knows how much.
    if (isSame && known.sequence > now.lastSequence) {
      return this.#beginAnew(now, { reason: 'agent-database-restored', items: 0 });
    }
    if (isSame && known.sequence >= now.acknowledged) {
      return this.#forgetUpTo(now, known.sequence);
    }
    if (now.acknowledged === 0) return now;
    // It acknowledged what it no longer has: it was restored from an earlier backup.
    const items = now.acknowledged - (isSame ? known.sequence : 0);
    return this.#beginAnew(now, { reason: 'coordinator-restored', items });
  }

  /**
   * Q7: what is left keeps its numbers, behind a word about what is missing that takes all those before: renumbering a full
   * outbox would need as much room on the disk once more, which a full disk does not have.
   */
  #beginAnew(now: Stream, missing: { readonly reason: string; readonly items: number }): Stream {
    this.#sentUpTo = 0;
    this.#lookFrom = 0;
    const covers = now.acknowledged;
    if (covers > 0) {
      const item = { item: 'gap', gap: { ...missing, bytes: 0, covers } } as const;
      this.#insert([rowOf(item, { sequence: covers, attemptId: null, atMs: 0 })]);
    }
    return { ...now, epoch: this.#options.newEpoch(), acknowledged: 0 };
  }

  #insertAll(now: Stream, items: readonly OutputItem[], attemptId: string | null): Stream {
    const atMs = this.#timeMs();
    const rows = items.map((item, index) => {
      const sequence = now.lastSequence + 1 + index;
      return rowOf(item, { sequence, attemptId, atMs });
    });
    this.#insert(rows);
    return { ...now, lastSequence: now.lastSequence + items.length };
  }

  #insert(rows: readonly NewRow[]): void {
    const { insert, insertMany } = this.#statements;
    let at = 0;
    for (; at + INSERTED_TOGETHER <= rows.length; at += INSERTED_TOGETHER) {
      insertMany.run(...rows.slice(at, at + INSERTED_TOGETHER).flat());
    }
    for (const row of rows.slice(at)) insert.run(...row);
    if (this.#amount === null) return;
    const bytes = rows.reduce((total, row) => total + row[BYTES], 0);
    this.#amount = sum(this.#amount, { items: rows.length, bytes });
  }

  #forgetUpTo(now: Stream, sequence: number): Stream {
    // Q6: no half of a gap: whoever says it has that much has it whole, or not at all.
    const last = Number(this.#statements.lastUpTo.get(sequence)?.['last'] ?? now.acknowledged);
    if (last === now.acknowledged) return now;
    if (this.#amount !== null) {
      const gone = amountIn(this.#statements.amountUpTo.get(last));
      this.#amount = difference(this.#amount, gone);
    }
    this.#statements.forget.run(last);
    return { ...now, acknowledged: last };
  }

  /** Q3, Q4. */
  #makeRoom(now: Stream): void {
    const { bytesMax, ageMsMax } = this.#options.limits;
    const oldestMs = this.#timeMs() - ageMsMax;
    const sentUpTo = this.#mayBeSentUpTo(now);
    const oldest = this.#statements.firstRecord.get(Math.max(this.#lookFrom, sentUpTo + 1));
    this.#lookFrom = oldest === undefined ? now.lastSequence + 1 : Number(oldest['sequence']);
    if (oldest === undefined) return;
    // A gap that lies before it grows.
    const before = Number(this.#statements.lastUpTo.get(this.#lookFrom - 1)?.['last'] ?? 0);
    const from = before > sentUpTo ? before : this.#lookFrom;
    if (Number(oldest['at_ms']) < oldestMs) {
      this.#drop(from, 'outbox-age', ({ atMs }) => atMs < oldestMs);
    }
    const amount = this.#counted();
    if (weightOf(amount) <= bytesMax) return;
    this.#drop(from, 'outbox-full', (_, gone) => weightOf(difference(amount, gone)) > bytesMax);
  }

  #drop(
    from: number,
    reason: DropReason,
    isDue: (record: OldRecord, gone: Amount) => boolean,
  ): void {
    const amount = this.#counted();
    this.#amount = difference(amount, this.#drops.drop({ from, reason, isDue }));
  }

  /** Q5: all that any process can have sent: what it had not seen acknowledged were so many batches at the most. */
  #mayBeSentUpTo(now: Stream): number {
    if (this.#sentUpTo !== null) return this.#sentUpTo;
    let last = now.acknowledged;
    let [items, bytes] = [0, 0];
    for (const row of this.#statements.mayBeSent.iterate()) {
      items += 1;
      if (Number(row['at_ms']) > 0) bytes += Number(row['bytes']);
      if (items > BATCHES_IN_FLIGHT_MAX * BATCH_ITEMS_MAX) break;
      if (bytes > BATCHES_IN_FLIGHT_MAX * BATCH_BYTES_MAX) break;
      last = Number(row['sequence']);
    }
    this.#sentUpTo = last;
    return last;
  }

  /**
   * Goes on where the newest record left it, and with the monotonic clock: a date that jumps makes nothing old, nor does
   * the time in which no agent ran.
   */
  #timeMs(): number {
    const { clock } = this.#options;
    if (this.#timeOffsetMs === null) {
      const newest = this.#statements.newest.get();
      const fromMs = newest === undefined ? clock.nowMs() : Number(newest['at_ms']);
      this.#timeOffsetMs = Math.max(1, fromMs) - clock.monotonicMs();
    }
    return Math.floor(clock.monotonicMs() + this.#timeOffsetMs);
  }

  #counted(): Amount {
    this.#amount ??= amountIn(this.#statements.amountUpTo.get(Number.MAX_SAFE_INTEGER));
    return this.#amount;
  }

  /** Inside the caller's transaction if there is one. */
  #change(work: (now: Stream) => Stream): void {
    const change = () => {
      const now = this.#now();
      const next = work(now);
      if (next !== now) this.#save(next);
    };
    try {
      if (this.#database.isTransaction) change();
      else transact(this.#database, change);
    } catch (error) {
      this.#forgetMemory();
      throw error;
    }
  }

  #now(): Stream {
    const row = this.#statements.stream.get();
    if (row === undefined) {
      this.#forgetMemory();
      const first = { epoch: this.#options.newEpoch(), lastSequence: 0, acknowledged: 0 };
      this.#save(first);
      return first;
    }
    const known = this.#stream;
    const lastSequence = Number(row['last_sequence']);
    const acknowledged = Number(row['acknowledged']);
    if (
      known !== null &&
      known.lastSequence === lastSequence &&
      known.acknowledged === acknowledged &&
      known.epoch === row['epoch']
    ) {
      return known;
    }
    this.#forgetMemory();
    const now = { epoch: String(row['epoch']), lastSequence, acknowledged };
    this.#stream = now;
    return now;
  }

  #save(next: Stream): void {
    this.#statements.save.run(next.epoch, next.lastSequence, next.acknowledged);
    this.#stream = next;
  }

  /** All of it can be told from the rows again. */
  #forgetMemory(): void {
    this.#stream = null;
    this.#amount = null;
    this.#sentUpTo = null;
    this.#lookFrom = 0;
  }
}

/** Columns as the statements name them. */
type NewRow = [
  sequence: number,
  attemptId: string | null,
  item: string,
  bytes: number,
  atMs: number,
  covers: number,
];
const BYTES = 3;

type HeldRow = readonly [sequence: number, covers: number, bytes: number, item: string];

function rowOf(
  item: OutputItem,
  of: { readonly sequence: number; readonly attemptId: string | null; readonly atMs: number },
): NewRow {
  const text = encodeItem(item);
  const [bytes, atMs] =
    item.item === 'record' ? [item.record.content.length, of.atMs] : [text.length, 0];
  const covers = item.item === 'gap' ? Math.max(1, item.gap.covers) : 1;
  return [of.sequence, of.attemptId, text, bytes, atMs, covers];
}

function amountIn(row: Record<string, unknown> | undefined): Amount {
  return { items: Number(row?.['items'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) };
}
