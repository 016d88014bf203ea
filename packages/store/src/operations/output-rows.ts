/* Rows of output, written many at a time: to build and compile a query for each would cost several times what SQLite needs. */
import type { OutputTable } from '../database.ts';
import type { WriteContext } from './context.ts';
import { prepared } from './prepared.ts';

/** What differs from row to row of a batch. */
export interface NewOutputRow {
  readonly sequence: number;
  readonly kind: OutputTable['kind'];
  readonly stream: string;
  readonly task: string;
  readonly run: string;
  readonly at_ms: number;
  readonly content: Uint8Array;
}

interface OfBatch {
  readonly instanceId: string;
  readonly epoch: string;
  readonly nowMs: number;
}

/** Fields of a row by their names and its place: `run 7`. */
type Given = OfBatch & {
  readonly [Name in keyof NewOutputRow as `${Name} ${number}`]: NewOutputRow[Name];
};

const FIELDS = ['sequence', 'kind', 'stream', 'task', 'run', 'at_ms', 'content'] as const;
/** Ten values a row, far below what any engine takes. */
const ROWS_AT_ONCE = 50;

const insertOne = inserting(1);
const insertMany = inserting(ROWS_AT_ONCE);

function inserting(count: number) {
  return prepared((db, given: Given) =>
    db.insertInto('output').values(
      Array.from({ length: count }, (_, place) => ({
        instance_id: given.instanceId,
        epoch: given.epoch,
        received_ms: given.nowMs,
        ...(Object.fromEntries(
          FIELDS.map((field) => [field, given[`${field} ${place}`]]),
        ) as unknown as NewOutputRow),
      })),
    ),
  );
}

/** In their order. Gives the bytes of their contents. */
export async function addOutputRows(
  { db }: WriteContext,
  { instanceId, epoch, nowMs }: OfBatch,
  rows: readonly NewOutputRow[],
): Promise<number> {
  let bytes = 0;
  for (let from = 0; from < rows.length; ) {
    const isMany = rows.length - from >= ROWS_AT_ONCE;
    const count = isMany ? ROWS_AT_ONCE : 1;
    const given: Record<string, unknown> = { instanceId, epoch, nowMs };
    for (const [place, row] of rows.slice(from, from + count).entries()) {
      bytes += row.content.length;
      for (const field of FIELDS) given[`${field} ${place}`] = row[field];
    }
    await (isMany ? insertMany : insertOne)(db, given as unknown as Given);
    from += count;
  }
  return bytes;
}
