import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { OutputItem } from '@moult/protocol';
import { transact } from './open.ts';

export interface Batch {
  readonly epoch: string;
  readonly firstSequence: number;
  readonly items: readonly OutputItem[];
}

/**
 * What the coordinator has not acknowledged yet, in order. An epoch is one life of the stream; a new one begins when
 * the two sides cannot agree on positions, and says with a `gap` what is missing: never a silent hole.
 */
export interface Outbox {
  /** Inside the caller's transaction if there is one. `attemptId`: at most one item an attempt. */
  append(item: OutputItem, attemptId?: string): void;
  /** All of them in one transaction, or none. */
  appendAll(items: readonly OutputItem[]): void;
  holds(attemptId: string): boolean;
  isEmpty(): boolean;
  /** Items above `afterSequence`, as many as fit. Null: none. */
  batchAfter(afterSequence: number, bytesMax: number): Batch | null;
  /** Forgets what the coordinator has durably. Another epoch's word changes nothing. */
  acknowledge(epoch: string, lastSequence: number): void;
  /** Agrees with what the coordinator says it has; returns the sequence after which to send. */
  agree(known: { readonly epoch: string; readonly sequence: number }): number;
}

interface Stream {
  readonly epoch: string;
  readonly lastSequence: number;
  readonly acknowledged: number;
}

/** Items in a batch: far below the wire's limit, and a batch is read into memory whole. */
const BATCH_ITEMS_MAX = 1_000;

export function createOutbox(database: DatabaseSync, newEpoch: () => string): Outbox {
  return new SqliteOutbox(database, newEpoch);
}

class SqliteOutbox implements Outbox {
  readonly #database: DatabaseSync;
  readonly #newEpoch: () => string;
  readonly #insert: StatementSync;
  readonly #after: StatementSync;
  readonly #held: StatementSync;

  constructor(database: DatabaseSync, newEpoch: () => string) {
    this.#database = database;
    this.#newEpoch = newEpoch;
    this.#insert = database.prepare(
      'INSERT INTO outbox (sequence, attempt_id, item) VALUES (?, ?, ?)',
    );
    this.#held = database.prepare('SELECT 1 FROM outbox WHERE attempt_id = ?');
    this.#after = database.prepare(
      `SELECT sequence, item FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ${BATCH_ITEMS_MAX}`,
    );
  }

  append(item: OutputItem, attemptId?: string): void {
    const append = () => this.#append(item, attemptId ?? null);
    if (this.#database.isTransaction) append();
    else transact(this.#database, append);
  }

  appendAll(items: readonly OutputItem[]): void {
    transact(this.#database, () => {
      for (const item of items) this.#append(item, null);
    });
  }

  holds(attemptId: string): boolean {
    return this.#held.get(attemptId) !== undefined;
  }

  isEmpty(): boolean {
    return this.#after.get(0) === undefined;
  }

  batchAfter(afterSequence: number, bytesMax: number): Batch | null {
    const rows = this.#after.all(afterSequence);
    const items: OutputItem[] = [];
    let bytes = 0;
    for (const row of rows) {
      const text = String(row['item']);
      bytes += Buffer.byteLength(text);
      if (items.length > 0 && bytes > bytesMax) break;
      items.push(decodeItem(text));
    }
    if (items.length === 0) return null;
    return { epoch: this.#stream().epoch, firstSequence: Number(rows[0]?.['sequence']), items };
  }

  acknowledge(epoch: string, lastSequence: number): void {
    transact(this.#database, () => {
      const now = this.#stream();
      if (epoch !== now.epoch || lastSequence <= now.acknowledged) return;
      // More than was ever sent is no acknowledgement of ours.
      if (lastSequence > now.lastSequence) return;
      this.#forgetUpTo(now, lastSequence);
    });
  }

  agree(known: { readonly epoch: string; readonly sequence: number }): number {
    return transact(this.#database, () => {
      const now = this.#stream();
      const isSame = known.epoch === now.epoch;
      if (isSame && known.sequence > now.lastSequence) return this.#beginAnew(0);
      if (isSame && known.sequence >= now.acknowledged) {
        this.#forgetUpTo(now, known.sequence);
        return known.sequence;
      }
      if (now.acknowledged === 0) return 0;
      // It acknowledged what it no longer has: it was restored from an earlier backup.
      return this.#beginAnew(now.acknowledged - (isSame ? known.sequence : 0));
    });
  }

  /** Numbers what is left from 1 again, behind a word about what is missing. */
  #beginAnew(missing: number): number {
    const left = this.#database
      .prepare('SELECT attempt_id, item FROM outbox ORDER BY sequence')
      .all();
    this.#database.exec('DELETE FROM outbox');
    this.#save({ epoch: this.#newEpoch(), lastSequence: 0, acknowledged: 0 });
    if (missing > 0) {
      const gap = { reason: 'coordinator-restored', items: missing, bytes: 0, covers: 1 };
      this.#append({ item: 'gap', gap }, null);
    }
    for (const row of left) {
      this.#append(decodeItem(String(row['item'])), textOrNull(row['attempt_id']));
    }
    return 0;
  }

  #append(item: OutputItem, attemptId: string | null): void {
    const now = this.#stream();
    const sequence = now.lastSequence + 1;
    this.#insert.run(sequence, attemptId, encodeItem(item));
    this.#save({ ...now, lastSequence: sequence });
  }

  #forgetUpTo(now: Stream, sequence: number): void {
    this.#database.prepare('DELETE FROM outbox WHERE sequence <= ?').run(sequence);
    this.#save({ ...now, acknowledged: sequence });
  }

  #stream(): Stream {
    const row = this.#database
      .prepare('SELECT epoch, last_sequence, acknowledged FROM stream')
      .get();
    if (row === undefined) {
      const first: Stream = { epoch: this.#newEpoch(), lastSequence: 0, acknowledged: 0 };
      this.#save(first);
      return first;
    }
    return {
      epoch: String(row['epoch']),
      lastSequence: Number(row['last_sequence']),
      acknowledged: Number(row['acknowledged']),
    };
  }

  #save(next: Stream): void {
    this.#database
      .prepare(
        `INSERT INTO stream VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
           epoch = excluded.epoch, last_sequence = excluded.last_sequence, acknowledged = excluded.acknowledged`,
      )
      .run(next.epoch, next.lastSequence, next.acknowledged);
  }
}

function encodeItem(item: OutputItem): string {
  if (item.item !== 'record') return JSON.stringify(item);
  const content = Buffer.from(item.record.content).toString('base64');
  return JSON.stringify({ item: 'record', record: { ...item.record, content } });
}

function decodeItem(text: string): OutputItem {
  const item = JSON.parse(text) as OutputItem;
  if (item.item !== 'record') return item;
  const content = Buffer.from(String(item.record.content), 'base64');
  return { item: 'record', record: { ...item.record, content } };
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
