import type { Selectable } from 'kysely';
import type { OutputTable } from '../database.ts';
import type { ReadContext } from './context.ts';

/** Every instance that bears this name, removed ones too: what they put out is still there. */
export async function instanceIdsNamed(
  db: ReadContext,
  agentName: string,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('instances')
    .select('id')
    .where('agent_name', '=', agentName)
    .execute();
  return rows.map(({ id }) => id);
}

export interface OutputPage {
  /** One at least. */
  readonly instanceIds: readonly string[];
  readonly task: string | null;
  readonly run: string | null;
  readonly stream: string | null;
  /** By the host's clock; null: from the first. */
  readonly sinceMs: number | null;
  /** Positions above this one, oldest first; null: the newest. */
  readonly after: number | null;
  readonly limit: number;
  /** Of the contents together; one row at least is given. */
  readonly bytesMax: number;
}

export interface OutputFound {
  /** Ascending. */
  readonly rows: readonly Selectable<OutputTable>[];
  /** The oldest position that is kept; null: there is none. */
  readonly from: number | null;
  /** Everything up to here was looked at. */
  readonly next: number;
}

/** Gaps belong to no task: they are always among the rows. */
export async function outputPage(db: ReadContext, page: OutputPage): Promise<OutputFound> {
  const { from, last } = await db
    .selectFrom('output')
    .select((build) => [
      build.fn.min<number | null>('position').as('from'),
      build.fn.max<number | null>('position').as('last'),
    ])
    .where('instance_id', 'in', [...page.instanceIds])
    .executeTakeFirstOrThrow();
  if (last === null) return { rows: [], from, next: page.after ?? 0 };
  const isNewest = page.after === null;
  const matching = matchingOutput(db, { ...page, last });
  const sizes = await matching
    .select((build) => ['position', build.fn<number>('length', ['content']).as('bytes')])
    .orderBy('position', isNewest ? 'desc' : 'asc')
    .limit(page.limit)
    .execute();
  const count = rowsWithin(sizes, page.bytesMax);
  const end = sizes[count - 1]?.position;
  const rows =
    end === undefined
      ? []
      : await matching
          .selectAll()
          .where('position', isNewest ? '>=' : '<=', end)
          .orderBy('position')
          .execute();
  const isAll = isNewest || (count === sizes.length && sizes.length < page.limit);
  const next = isAll ? last : (end ?? last);
  return { rows, from, next: Math.max(next, page.after ?? 0) };
}

function matchingOutput(db: ReadContext, of: OutputPage & { readonly last: number }) {
  let query = db
    .selectFrom('output')
    .where('instance_id', 'in', [...of.instanceIds])
    .where('position', '<=', of.last)
    .where('kind', 'in', ['record', 'gap']);
  for (const field of ['task', 'run', 'stream'] as const) {
    const value = of[field];
    if (value === null) continue;
    query = query.where((build) => build.or([build(field, '=', value), build('kind', '=', 'gap')]));
  }
  if (of.sinceMs !== null) query = query.where('at_ms', '>=', of.sinceMs);
  return of.after === null ? query : query.where('position', '>', of.after);
}

/** How many of them have so many bytes at most together, but one at least: contents are read when that is known. */
export function rowsWithin(rows: readonly { readonly bytes: number }[], bytesMax: number): number {
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    bytes += row.bytes;
    if (index > 0 && bytes > bytesMax) return index;
  }
  return rows.length;
}
