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
  let query = db
    .selectFrom('output')
    .selectAll()
    .where('instance_id', 'in', [...page.instanceIds])
    .where('position', '<=', last)
    .where('kind', 'in', ['record', 'gap'])
    .limit(page.limit);
  for (const field of ['task', 'run', 'stream'] as const) {
    const value = page[field];
    if (value === null) continue;
    query = query.where((build) => build.or([build(field, '=', value), build('kind', '=', 'gap')]));
  }
  if (page.sinceMs !== null) query = query.where('at_ms', '>=', page.sinceMs);
  const isNewest = page.after === null;
  if (page.after !== null) query = query.where('position', '>', page.after);
  const found = await query.orderBy('position', isNewest ? 'desc' : 'asc').execute();
  const rows = withinBytes(found, page.bytesMax);
  if (isNewest) return { rows: rows.reverse(), from, next: last };
  const isAll = rows.length === found.length && found.length < page.limit;
  const next = isAll ? last : (rows.at(-1)?.position ?? last);
  return { rows, from, next: Math.max(next, page.after ?? 0) };
}

function withinBytes(
  rows: readonly Selectable<OutputTable>[],
  bytesMax: number,
): Selectable<OutputTable>[] {
  const some: Selectable<OutputTable>[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += row.content.length;
    if (some.length > 0 && bytes > bytesMax) break;
    some.push(row);
  }
  return some;
}
