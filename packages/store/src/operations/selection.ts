/* What selectors are held against: a page of agents with the facts that one asks for, and no others. */
import type { Version } from '@moult/core/versions';
import type { InstanceTable } from '../database.ts';
import { desiredOfAll } from './choices.ts';
import { OPEN_STATES } from './command-rows.ts';
import type { ReadContext } from './context.ts';

export interface SelectionPage {
  /** Agents with later names; null: from the first. */
  readonly after: string | null;
  readonly limit: number;
  readonly withDesired: boolean;
  readonly withWaiting: boolean;
  /** Of these instances alone; absent: of all. */
  readonly only?: readonly string[];
  /** Idempotency key of an order by hand; null: none is asked about. */
  readonly key: string | null;
}

export interface SelectionRow
  extends Pick<
    InstanceTable,
    | 'id'
    | 'agent_name'
    | 'platform'
    | 'state'
    | 'marks'
    | 'is_idle'
    | 'validated_ms'
    | 'quarantined_ms'
    | 'came_up_ms'
    | 'capabilities'
  > {
  readonly group_name: string;
  readonly labels: string;
  readonly host_labels: string;
  readonly agent_version: Version | null;
  readonly launcher_version: Version | null;
  /** Of the agent; null also where it was not asked for. */
  readonly desired: Version | null;
  /** Hold reasons of open commands; empty also where it was not asked for. */
  readonly waiting: readonly string[];
  /** The key has given it a command already. */
  readonly isOfKey: boolean;
}

/** Active instances by name. */
export async function selectionPage(
  db: ReadContext,
  page: SelectionPage,
): Promise<readonly SelectionRow[]> {
  const rows = await instanceRows(db, page);
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return [];
  const desired = page.withDesired
    ? await desiredOfAll(db, {
        component: 'agent',
        subjects: rows.map((row) => ({
          instanceId: row.id,
          agentName: row.agent_name,
          group: row.group_name,
          row,
        })),
      })
    : [];
  const waiting = page.withWaiting ? await waitingOf(db, ids) : new Map<string, string[]>();
  const ofKey = page.key === null ? new Set<string>() : await idsOfKey(db, { ids, key: page.key });
  return rows.map((row, index) => ({
    ...row,
    desired: desired[index]?.desired?.version ?? null,
    waiting: waiting.get(row.id) ?? [],
    isOfKey: ofKey.has(row.id),
  }));
}

function instanceRows(db: ReadContext, page: SelectionPage) {
  let query = db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .leftJoin('instance_components as own', (join) =>
      join.onRef('own.instance_id', '=', 'instances.id').on('own.component', '=', 'agent'),
    )
    .leftJoin('instance_components as launcher', (join) =>
      join
        .onRef('launcher.instance_id', '=', 'instances.id')
        .on('launcher.component', '=', 'launcher'),
    )
    .select([
      'instances.id',
      'instances.agent_name',
      'instances.platform',
      'instances.state',
      'instances.marks',
      'instances.is_idle',
      'instances.validated_ms',
      'instances.quarantined_ms',
      'instances.came_up_ms',
      'instances.capabilities',
      'agents.group_name',
      'agents.labels',
      'instances.host_labels',
      'own.current_version as agent_version',
      'own.given_version',
      'own.given_position',
      'own.since_position',
      'launcher.current_version as launcher_version',
    ])
    .where('instances.role', '=', 'active')
    .orderBy('agents.name')
    .limit(page.limit);
  if (page.only !== undefined) query = query.where('instances.id', 'in', [...page.only]);
  return (page.after === null ? query : query.where('agents.name', '>', page.after)).execute();
}

async function waitingOf(
  db: ReadContext,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string[]>> {
  const rows = await db
    .selectFrom('commands')
    .select(['instance_id', 'hold_reason', 'host_hold_reason'])
    .where('instance_id', 'in', [...ids])
    .where('state', 'in', OPEN_STATES)
    .execute();
  const found = new Map<string, string[]>();
  for (const row of rows) {
    const reason = row.hold_reason ?? row.host_hold_reason;
    if (reason === null) continue;
    found.set(row.instance_id, [...(found.get(row.instance_id) ?? []), reason]);
  }
  return found;
}

async function idsOfKey(
  db: ReadContext,
  of: { readonly ids: readonly string[]; readonly key: string },
): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('commands')
    .select('instance_id')
    .where('instance_id', 'in', [...of.ids])
    .where('idempotency_key', '=', of.key)
    .execute();
  return new Set(rows.map((row) => row.instance_id));
}
