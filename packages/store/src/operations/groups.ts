import { CodedError } from '@moult/core/errors';
import { requireGroup } from './choosing.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { prepared } from './prepared.ts';

/** Of a group of which nobody has said anything. */
export const UNAVAILABLE_MAX = 1;
/** Of what keeps a group, so many are named. */
const NAMED_MAX = 3;

export interface GroupView {
  readonly name: string;
  /** Those that were removed serve nowhere. */
  readonly agents: number;
  readonly unavailableMax: number;
}

/** By name. */
export async function allGroups(db: ReadContext, _: null): Promise<readonly GroupView[]> {
  const rows = await db
    .selectFrom('groups')
    .leftJoin('agents', 'agents.group_name', 'groups.name')
    .leftJoin('instances', (join) =>
      join.onRef('instances.agent_name', '=', 'agents.name').on('instances.role', '=', 'active'),
    )
    .select([
      'groups.name',
      'groups.unavailable_max',
      ({ fn }) => fn.count<number>('instances.id').as('agents'),
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

/**
 * RO57. What was set for it goes with it: a later group of its name begins anew. Throws `not-found`, and `group-in-use` where an agent
 * serves in it, a token could bring one, or a version is chosen for it.
 */
export async function removeGroup(
  context: WriteContext,
  args: Order & { readonly group: string },
): Promise<void> {
  const { group, nowMs, principal, why } = args;
  const { db } = context;
  await requireGroup(db, group);
  const uses = [
    ...named('agents', await agentsOf(db, group)),
    ...named('tokens', await tokensOf(db, { group, nowMs })),
    ...named('choices of', await choicesOf(db, group)),
  ];
  if (uses.length > 0)
    throw new CodedError('group-in-use', `group ${group} has ${uses.join('; ')}`);
  const deleted = [
    await db.deleteFrom('settings').where('group_name', '=', group).executeTakeFirst(),
    await db
      .deleteFrom('withdrawn_choices')
      .where('scope', '=', 'group')
      .where('subject', '=', group)
      .executeTakeFirst(),
    await db.deleteFrom('groups').where('name', '=', group).executeTakeFirst(),
  ];
  // A token that is used up still has its name.
  if (deleted.every(({ numDeletedRows }) => numDeletedRows === 0n))
    throw new CodedError('not-found', `there is no group ${group}`);
  await addHistory(context, { nowMs, kind: 'group-removed', principal, why, detail: { group } });
}

async function agentsOf(db: ReadContext, group: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('agents')
    .innerJoin('instances', 'instances.agent_name', 'agents.name')
    .select('agents.name')
    .where('agents.group_name', '=', group)
    .where('instances.role', '=', 'active')
    .orderBy('agents.name')
    .execute();
  return rows.map(({ name }) => name);
}

/** With which an agent could still enroll. */
async function tokensOf(
  db: ReadContext,
  of: { readonly group: string; readonly nowMs: number },
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('tokens')
    .select('id')
    .where('group_name', '=', of.group)
    .where('revoked_ms', 'is', null)
    .where((where) => where.or([where('uses_left', 'is', null), where('uses_left', '>', 0)]))
    .where((where) =>
      where.or([where('expires_ms', 'is', null), where('expires_ms', '>', of.nowMs)]),
    )
    .orderBy('id')
    .execute();
  return rows.map(({ id }) => id);
}

async function choicesOf(db: ReadContext, group: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('choices')
    .select('component')
    .where('scope', '=', 'group')
    .where('subject', '=', group)
    .orderBy('component')
    .execute();
  return rows.map(({ component }) => component);
}

function named(what: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : '';
  return [`${what} ${names.slice(0, NAMED_MAX).join(', ')}${more}`];
}

export async function unavailableMaxOf(db: ReadContext, group: string): Promise<number> {
  const [row] = await byName(db, { group });
  return row?.unavailable_max ?? UNAVAILABLE_MAX;
}

const byName = prepared((db, of: { readonly group: string }) =>
  db.selectFrom('groups').select('unavailable_max').where('name', '=', of.group),
);
