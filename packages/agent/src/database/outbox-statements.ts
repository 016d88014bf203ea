import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { BATCH_ITEMS_MAX, BATCHES_IN_FLIGHT_MAX } from './outbox-limits.ts';

/** One call for so many rows costs two thirds of one for each. */
export const INSERTED_TOGETHER = 25;
/** Records have at most 64 KiB, so that this is some MiB; one at a time costs three times as much. */
const READ_TOGETHER = 50;

export type OutboxStatements = Readonly<Record<Name, StatementSync>>;

type Name =
  | 'stream'
  | 'save'
  | 'insert'
  | 'insertMany'
  | 'held'
  | 'anyUpTo'
  | 'after'
  | 'amountUpTo'
  | 'lastUpTo'
  | 'forget'
  | 'mayBeSent'
  | 'firstRecord'
  | 'newest';

export function outboxStatements(database: DatabaseSync): OutboxStatements {
  const prepare = (text: string) => database.prepare(text);
  const after = prepare(
    `SELECT sequence, covers, bytes, item FROM outbox WHERE sequence > ? ORDER BY sequence LIMIT ${READ_TOGETHER}`,
  );
  after.setReturnArrays(true);
  return {
    stream: prepare('SELECT epoch, last_sequence, acknowledged FROM stream'),
    save: prepare(
      `INSERT INTO stream VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
         epoch = excluded.epoch, last_sequence = excluded.last_sequence, acknowledged = excluded.acknowledged`,
    ),
    insert: prepare(insertText(1)),
    insertMany: prepare(insertText(INSERTED_TOGETHER)),
    held: prepare('SELECT 1 FROM outbox WHERE attempt_id = ?'),
    anyUpTo: prepare('SELECT 1 FROM outbox WHERE sequence <= ? LIMIT 1'),
    after,
    amountUpTo: prepare(
      'SELECT count(*) AS items, total(bytes) AS bytes FROM outbox WHERE sequence <= ?',
    ),
    lastUpTo: prepare('SELECT max(sequence) AS last FROM outbox WHERE sequence <= ?'),
    forget: prepare('DELETE FROM outbox WHERE sequence <= ?'),
    mayBeSent: prepare(
      `SELECT sequence, bytes, at_ms FROM outbox ORDER BY sequence LIMIT ${BATCHES_IN_FLIGHT_MAX * BATCH_ITEMS_MAX}`,
    ),
    firstRecord: prepare(
      'SELECT sequence, at_ms FROM outbox WHERE sequence >= ? AND at_ms > 0 ORDER BY sequence LIMIT 1',
    ),
    newest: prepare('SELECT at_ms FROM outbox WHERE at_ms > 0 ORDER BY sequence DESC LIMIT 1'),
  };
}

function insertText(rows: number): string {
  const values = Array.from({ length: rows }, () => '(?, ?, ?, ?, ?, ?)').join(', ');
  return `INSERT INTO outbox (sequence, attempt_id, item, bytes, at_ms, covers) VALUES ${values}`;
}
