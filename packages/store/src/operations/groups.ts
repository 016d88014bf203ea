import { requireGroup } from './choosing.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { prepared } from './prepared.ts';

export interface GroupView {
  readonly name: string;
  readonly agents: number;
  readonly unavailableMax: number;
}

/** By name. */
export async function allGroups(db: ReadContext, _: null): Promise<readonly GroupView[]> {
  const rows = await db
    .selectFrom('groups')
    .leftJoin('agents', 'agents.group_name', 'groups.name')
    .select([
      'groups.name',
      'groups.unavailable_max',
      ({ fn }) => fn.count<number>('agents.name').as('agents'),
    ])
    .groupBy(['groups.name', 'groups.unavailable_max'])
    .orderBy('groups.name')
    .execute();
  return rows.map((row) => ({
    name: row.name,
    agents: Number(row.agents),
    unavailableMax: row.unavailable_max,
  }));
}

/** Throws `not-found`. A group that only a token knows yet is made. */
export async function setGroup(
  context: WriteContext,
  args: Order & { readonly group: string; readonly unavailableMax: number },
): Promise<void> {
  const { group, unavailableMax, nowMs, principal, why } = args;
  await requireGroup(context.db, group);
  const set = { unavailable_max: unavailableMax };
  await context.db
    .insertInto('groups')
    .values({ name: group, created_ms: nowMs, created_by: principal, ...set })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(set))
    .execute();
  const detail = { group, unavailableMax };
  await addHistory(context, { nowMs, kind: 'group-set', principal, why, detail });
}

export async function unavailableMaxOf(db: ReadContext, group: string): Promise<number> {
  const [row] = await byName(db, { group });
  return row?.unavailable_max ?? 1;
}

const byName = prepared((db, of: { readonly group: string }) =>
  db.selectFrom('groups').select('unavailable_max').where('name', '=', of.group),
);
