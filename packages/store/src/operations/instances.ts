import { CodedError } from '@moult/core/errors';
import type { InstanceComponentTable, InstanceTable } from '../database.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { prepared } from './prepared.ts';

export interface InstanceRow extends InstanceTable {
  readonly group_name: string;
  /** Of operators, JSON of Labels. */
  readonly agent_labels: string;
}

export interface AgentView {
  readonly instance: InstanceRow;
  readonly components: readonly InstanceComponentTable[];
}

const byId = prepared((db, of: { readonly id: string }) =>
  db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .selectAll('instances')
    .select(['agents.group_name', 'agents.labels as agent_labels'])
    .where('instances.id', '=', of.id),
);

export async function instanceById(db: ReadContext, id: string): Promise<InstanceRow | null> {
  return (await byId(db, { id }))[0] ?? null;
}

/** Of one that was not removed. Throws `not-found`. */
export async function activeInstance(db: ReadContext, id: string): Promise<InstanceRow> {
  const instance = await instanceById(db, id);
  if (instance !== null && instance.role !== 'removed') return instance;
  throw new CodedError('not-found', `there is no instance ${id}`);
}

/** The active instance of an agent with its components; null: no such agent. */
export async function agentByName(db: ReadContext, name: string): Promise<AgentView | null> {
  const [view] = await agentPage(db, { names: [name], group: null, after: null, limit: 1 });
  return view ?? null;
}

export interface AgentPage {
  /** Null: all. */
  readonly names: readonly string[] | null;
  readonly group: string | null;
  readonly after: string | null;
  readonly limit: number;
}

/** Active instances by name. */
export async function agentPage(db: ReadContext, page: AgentPage): Promise<readonly AgentView[]> {
  if (page.names?.length === 0) return [];
  let query = db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .selectAll('instances')
    .select(['agents.group_name', 'agents.labels as agent_labels'])
    .where('instances.role', '=', 'active')
    .orderBy('agents.name')
    .limit(page.limit);
  if (page.names !== null) query = query.where('agents.name', 'in', [...page.names]);
  if (page.group !== null) query = query.where('agents.group_name', '=', page.group);
  if (page.after !== null) query = query.where('agents.name', '>', page.after);
  const instances = await query.execute();
  if (instances.length === 0) return [];
  const components = await db
    .selectFrom('instance_components')
    .selectAll()
    .where(
      'instance_id',
      'in',
      instances.map((row) => row.id),
    )
    .execute();
  const byInstance = new Map<string, InstanceComponentTable[]>();
  for (const row of components) {
    const rows = byInstance.get(row.instance_id);
    if (rows === undefined) byInstance.set(row.instance_id, [row]);
    else rows.push(row);
  }
  return instances.map((instance) => ({
    instance,
    components: byInstance.get(instance.id) ?? [],
  }));
}

/** Ids of instances, for walks through all of them. */
export async function instanceIdPage(
  db: ReadContext,
  page: {
    readonly scope: 'fleet' | 'group' | 'agent';
    readonly subject: string;
    readonly after: string;
    readonly limit: number;
  },
): Promise<readonly string[]> {
  let query = db
    .selectFrom('instances')
    .innerJoin('agents', 'agents.name', 'instances.agent_name')
    .select('instances.id')
    .where('instances.id', '>', page.after)
    .where('instances.role', '<>', 'removed')
    .orderBy('instances.id')
    .limit(page.limit);
  if (page.scope === 'group') query = query.where('agents.group_name', '=', page.subject);
  if (page.scope === 'agent') query = query.where('agents.name', '=', page.subject);
  return (await query.execute()).map((row) => row.id);
}

/** Again is no error. Throws `not-found`. */
export async function validateAgent(
  context: WriteContext,
  args: Order & { readonly name: string },
): Promise<readonly string[]> {
  const rows = await context.db
    .selectFrom('instances')
    .select(['id', 'validated_ms'])
    .where('agent_name', '=', args.name)
    .where('role', '<>', 'removed')
    .execute();
  if (rows.length === 0) throw new CodedError('not-found', `there is no agent ${args.name}`);
  const { nowMs, principal, why } = args;
  for (const row of rows) {
    if (row.validated_ms !== null) continue;
    await context.db
      .updateTable('instances')
      .set({ validated_ms: nowMs, validated_by: principal, validated_why: why })
      .where('id', '=', row.id)
      .execute();
    const agentName = args.name;
    await addHistory(context, {
      nowMs,
      kind: 'validated',
      principal,
      why,
      agentName,
      instanceId: row.id,
    });
  }
  return rows.map((row) => row.id);
}

/** When sessions were last alive: in batches, never a commit for one of them. */
export async function touchSeen(
  context: WriteContext,
  args: { readonly instanceIds: readonly string[]; readonly nowMs: number },
): Promise<void> {
  if (args.instanceIds.length === 0) return;
  await context.db
    .updateTable('instances')
    .set({ last_seen_ms: args.nowMs })
    .where('id', 'in', [...args.instanceIds])
    .execute();
}
