/* How far output was handed on to each target, and what comes next. */
import type { Selectable } from 'kysely';
import type { ForwardTable, OutputTable } from '../database.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { rowsWithin } from './output-page.ts';

export interface ForwardedRow extends Selectable<OutputTable> {
  /** Null: of no agent, or of one that this store has lost. */
  readonly agent_name: string | null;
}

/** Of all agents, by position. At least one row, if there is one. */
export async function forwardPage(
  db: ReadContext,
  page: { readonly after: number; readonly limit: number; readonly bytesMax: number },
): Promise<readonly ForwardedRow[]> {
  const sizes = await db
    .selectFrom('output')
    .select((build) => ['position', build.fn<number>('length', ['content']).as('bytes')])
    .where('position', '>', page.after)
    .orderBy('position')
    .limit(page.limit)
    .execute();
  const last = sizes[rowsWithin(sizes, page.bytesMax) - 1];
  if (last === undefined) return [];
  return db
    .selectFrom('output')
    .leftJoin('instances', 'instances.id', 'output.instance_id')
    .selectAll('output')
    .select('instances.agent_name')
    .where('output.position', '>', page.after)
    .where('output.position', '<=', last.position)
    .orderBy('output.position')
    .execute();
}

export async function allForwards(db: ReadContext, _args: null): Promise<readonly ForwardTable[]> {
  return db.selectFrom('forwards').selectAll().orderBy('target').execute();
}

/** The newest position of output; 0: there is none. */
export async function newestOutput(db: ReadContext, _args: null): Promise<number> {
  const { position } = await db
    .selectFrom('output')
    .select((build) => build.fn.max<number | null>('position').as('position'))
    .executeTakeFirstOrThrow();
  return position ?? 0;
}

export async function recordForward(context: WriteContext, row: ForwardTable): Promise<void> {
  await context.db
    .insertInto('forwards')
    .values(row)
    .onConflict((conflict) => conflict.column('target').doUpdateSet(row))
    .execute();
}
