import type { Component } from '@moult/core/component';
import { type Insertable, type Selectable, sql } from 'kysely';
import type { HistoryTable } from '../database.ts';
import { COORDINATOR, type ReadContext, type WriteContext } from './context.ts';
import { ONE, prepared, preparedByNames } from './prepared.ts';

export type HistoryRow = Selectable<HistoryTable>;

export interface NewEntry {
  readonly nowMs: number;
  readonly kind: string;
  /** The next one, where none is given. */
  readonly position?: number;
  readonly principal?: string;
  readonly why?: string;
  readonly agentName?: string;
  readonly instanceId?: string;
  readonly component?: Component;
  readonly commandId?: string;
  readonly attempt?: number;
  /** Of what has a command: the one that ordered it, unless said. */
  readonly rolloutId?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Appends; the position says what came later. In the same transaction as what it explains (C8). */
export async function addHistory(context: WriteContext, entry: NewEntry): Promise<number> {
  const [row] = await insertEntry(context.db, {
    ...(entry.position === undefined ? {} : { position: entry.position }),
    at_ms: entry.nowMs,
    kind: entry.kind,
    agent_name: entry.agentName ?? null,
    instance_id: entry.instanceId ?? null,
    component: entry.component ?? null,
    command_id: entry.commandId ?? null,
    attempt: entry.attempt ?? null,
    principal: entry.principal ?? COORDINATOR,
    why: entry.why ?? '',
    detail: JSON.stringify(entry.detail ?? {}),
    rollout_id: entry.rolloutId ?? null,
  });
  if (row === undefined) throw new Error('history gave no position');
  return row.position;
}

const insertEntry = preparedByNames((db, row: Insertable<HistoryTable>) =>
  db
    .insertInto('history')
    .values({
      ...row,
      rollout_id: sql`coalesce(${row.rollout_id}, (select rollout_id from commands where id = ${row.command_id}))`,
    })
    .returning('position'),
);

const lastOf = prepared((db, of: { readonly agentName: string }) =>
  db
    .selectFrom('history')
    .select(['kind', 'command_id', 'attempt', 'detail'])
    .where('agent_name', '=', of.agentName)
    .orderBy('position', 'desc')
    .limit(ONE),
);

/** For what a host may ask again and again: said once, until something else happened to the agent. */
export async function addHistoryOnce(
  context: WriteContext,
  entry: NewEntry & { readonly agentName: string },
): Promise<void> {
  const [last] = await lastOf(context.db, entry);
  const isSame =
    last?.kind === entry.kind &&
    last.command_id === entry.commandId &&
    last.attempt === entry.attempt &&
    last.detail === JSON.stringify(entry.detail ?? {});
  if (!isSame) await addHistory(context, entry);
}

export interface HistoryPage {
  readonly agent: string | null;
  /** Absent: of all, and what belongs to none. */
  readonly rolloutId?: string;
  /** Positions below this one; null: from the newest. */
  readonly before: number | null;
  readonly after: number | null;
  readonly limit: number;
}

/**
 * Newest first. Those of an agent also under the names that its instances bore before; those of a rollout with what happened to
 * the commands that it ordered.
 */
export async function historyPage(
  db: ReadContext,
  page: HistoryPage,
): Promise<readonly HistoryRow[]> {
  const { agent, limit } = page;
  const query = pageOf(db, page);
  if (agent === null) return query.execute();
  const instances = await db
    .selectFrom('instances')
    .select('id')
    .where('agent_name', '=', agent)
    .execute();
  // One by one, each along its index: asked for with `or`, SQLite reads all that there ever was of the agent, and sorts it.
  const found = [
    await query.where('agent_name', '=', agent).execute(),
    ...(await Promise.all(
      instances.map(({ id }) => query.where('instance_id', '=', id).execute()),
    )),
  ];
  const byPosition = new Map(found.flat().map((row) => [row.position, row]));
  return [...byPosition.values()].sort((a, b) => b.position - a.position).slice(0, limit);
}

function pageOf(db: ReadContext, page: HistoryPage) {
  let query = db.selectFrom('history').selectAll().orderBy('position', 'desc').limit(page.limit);
  if (page.before !== null) query = query.where('position', '<', page.before);
  if (page.after !== null) query = query.where('position', '>', page.after);
  if (page.rolloutId !== undefined) query = query.where('rollout_id', '=', page.rolloutId);
  return query;
}
