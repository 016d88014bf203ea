/*
 * What has to go when output has no room, or is too old: the oldest records, behind a gap that says how many they were
 * and takes their place in the numbering. Ends of commands and of runs never go; nor does what may have been sent, for
 * nobody knows whether the coordinator has it.
 *
 *   sequence   5      6       7       8        9      10            5       7                    9      10
 *           record record  finish  record  record  record   →    gap(2)  finish              gap(2)  record
 *
 * A gap lies in the row of the last number that it covers.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { OutputItem } from '@moult/protocol';
import { type Amount, difference, encodeItem, NOTHING, sum } from './outbox-item.ts';

export type DropReason = 'outbox-full' | 'outbox-age';

export interface OldRecord {
  readonly atMs: number;
  readonly bytes: number;
}

interface DropOptions {
  /** Sequence of the first row to look at. */
  readonly from: number;
  readonly reason: DropReason;
  readonly isDue: (record: OldRecord, gone: Amount) => boolean;
}

/** In one transaction: four times what one brings in, so that an outbox whose limit was lowered gets there. */
const DROPPED_MAX = 2_000;
/** Ends of commands and runs can lie before the first record by the thousand. */
const LOOKED_AT_MAX = 4_000;

type Gap = Extract<OutputItem, { readonly item: 'gap' }>['gap'];

interface Run {
  /** Sequences, both within. */
  readonly first: number;
  last: number;
  /** Rows that it replaces, and what they held. */
  rows: number;
  rowBytes: number;
  gap: Gap;
  hasRecords: boolean;
}

export class OutboxDrops {
  readonly #look: StatementSync;
  readonly #remove: StatementSync;
  readonly #insert: StatementSync;

  constructor(database: DatabaseSync) {
    // Only records have a time.
    this.#look = database.prepare(
      `SELECT sequence, covers, bytes, at_ms, CASE WHEN at_ms = 0 THEN item END AS item
         FROM outbox WHERE sequence >= ? ORDER BY sequence LIMIT ${LOOKED_AT_MAX}`,
    );
    this.#remove = database.prepare('DELETE FROM outbox WHERE sequence BETWEEN ? AND ?');
    this.#insert = database.prepare(
      'INSERT INTO outbox (sequence, attempt_id, item, bytes, at_ms, covers) VALUES (?, NULL, ?, ?, 0, ?)',
    );
  }

  /** Within the caller's transaction. `isDue` is asked about the oldest first, with what has gone so far. Returns how much less there is. */
  drop(of: DropOptions): Amount {
    let freed = NOTHING;
    for (const run of this.#runsIn(of)) {
      if (run.hasRecords) freed = sum(freed, this.#replace(run));
    }
    return freed;
  }

  #runsIn(of: DropOptions): readonly Run[] {
    const runs: Run[] = [];
    let open: Run | null = null;
    let gone = NOTHING;
    for (const row of this.#look.iterate(of.from)) {
      const [sequence, covers] = [Number(row['sequence']), Number(row['covers'])];
      const [bytes, atMs] = [Number(row['bytes']), Number(row['at_ms'])];
      const isRecord = atMs > 0;
      if (isRecord && (gone.items === DROPPED_MAX || !of.isDue({ atMs, bytes }, gone))) break;
      const gap = isRecord
        ? { reason: of.reason, items: 1, bytes, covers: 1 }
        : gapOf(String(row['item']), of.reason);
      if (gap === null) {
        open = null;
        continue;
      }
      if (open === null) {
        open = newRun(sequence - covers + 1, of.reason);
        runs.push(open);
      }
      open.last = sequence;
      open.rows += 1;
      open.rowBytes += bytes;
      open.hasRecords ||= isRecord;
      open.gap = merged(open.gap, { ...gap, covers });
      if (isRecord) gone = sum(gone, { items: 1, bytes });
    }
    return runs;
  }

  #replace(run: Run): Amount {
    this.#remove.run(run.first, run.last);
    const text = encodeItem({ item: 'gap', gap: run.gap });
    this.#insert.run(run.last, text, text.length, run.gap.covers);
    const before = { items: run.rows, bytes: run.rowBytes };
    return difference(before, { items: 1, bytes: text.length });
  }
}

function newRun(first: number, reason: DropReason): Run {
  const gap = { reason, items: 0, bytes: 0, covers: 0 };
  return { first, last: first, rows: 0, rowBytes: 0, gap, hasRecords: false };
}

/** A gap of the same reason, which grows with what goes beside it; null: something that stays as it is. */
function gapOf(text: string, reason: DropReason): Gap | null {
  const item = JSON.parse(text) as OutputItem;
  return item.item === 'gap' && item.gap.reason === reason ? item.gap : null;
}

function merged(a: Gap, b: Gap): Gap {
  return {
    reason: a.reason,
    items: a.items + b.items,
    bytes: a.bytes + b.bytes,
    covers: a.covers + b.covers,
  };
}
