/* Names, tombstones, and the way out of a quarantine. A name is a label: identity is the instance and its key. */
import { CodedError } from '@moult/core/errors';
import type { InstanceTable } from '../database.ts';
import { applyEvent, openCommandsOf } from './command-rows.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { agentByName } from './instances.ts';

export interface Renaming extends Order {
  readonly name: string;
  readonly newName: string;
}

/**
 * RS11: commands, attempts and choices go along; rows of history keep the name of their time, and are found by the
 * instance. Throws `not-found`, `name-taken`.
 */
export async function renameAgent(context: WriteContext, args: Renaming): Promise<void> {
  const { name, newName, nowMs, principal, why } = args;
  const { db } = context;
  const view = await agentByName(db, name);
  if (view === null) throw new CodedError('not-found', `there is no agent ${name}`);
  if (name === newName) return;
  const taken = await db
    .selectFrom('agents')
    .select('name')
    .where('name', '=', newName)
    .executeTakeFirst();
  if (taken !== undefined) {
    throw new CodedError('name-taken', `there is, or was, an agent ${newName}`);
  }
  await db.updateTable('agents').set({ name: newName }).where('name', '=', name).execute();
  for (const table of ['instances', 'commands', 'attempts', 'task_runs'] as const) {
    await db
      .updateTable(table)
      .set({ agent_name: newName })
      .where('agent_name', '=', name)
      .execute();
  }
  for (const table of ['choices', 'withdrawn_choices'] as const) {
    await db
      .updateTable(table)
      .set({ subject: newName })
      .where('scope', '=', 'agent')
      .where('subject', '=', name)
      .execute();
  }
  await db.updateTable('tokens').set({ replaces: newName }).where('replaces', '=', name).execute();
  await addHistory(context, {
    nowMs,
    kind: 'renamed',
    principal,
    why,
    agentName: newName,
    instanceId: view.instance.id,
    detail: { before: name },
  });
}

/**
 * RS12: the next session is taken as it shows itself, and from then on clones are found as strictly as ever. Throws
 * `not-found`; of an agent that is not quarantined nothing changes.
 */
export async function releaseQuarantine(
  context: WriteContext,
  args: Order & { readonly name: string },
): Promise<void> {
  const { name, nowMs, principal, why } = args;
  const view = await agentByName(context.db, name);
  if (view === null) throw new CodedError('not-found', `there is no agent ${name}`);
  const { instance } = view;
  if (instance.quarantined_ms === null) return;
  await context.db
    .updateTable('instances')
    // Below every generation: its session is the first one of this life of the store (RS2).
    .set({ quarantined_ms: null, quarantined_why: null, generation: 0 })
    .where('id', '=', instance.id)
    .execute();
  await addHistory(context, {
    nowMs,
    kind: 'quarantine-released',
    principal,
    why,
    agentName: name,
    instanceId: instance.id,
    detail: { reason: instance.quarantined_why },
  });
}

/** RS10: a tombstone, whose key is refused for ever; what it had to do ends. */
export async function removeReplaced(
  context: WriteContext,
  args: Order & { readonly name: string; readonly instanceId: string },
): Promise<readonly string[]> {
  const { name, nowMs, principal, why } = args;
  const removed: string[] = [];
  for (const { id } of await livingInstances(context.db, name)) {
    for (const command of await openCommandsOf(context.db, id)) {
      const message = `the host was made anew as instance ${args.instanceId}`;
      await applyEvent(context, command, {
        event: 'revoked',
        nowMs,
        ending: { outcome: 'revoked', code: 'decommissioned', message, principal },
      });
    }
    await context.db
      .updateTable('instances')
      .set({
        role: 'removed',
        removed_ms: nowMs,
        removed_by: principal,
        removed_why: `replaced by instance ${args.instanceId}`,
      })
      .where('id', '=', id)
      .execute();
    const detail = { by: args.instanceId };
    await addHistory(context, {
      nowMs,
      kind: 'replaced',
      principal,
      why,
      agentName: name,
      instanceId: id,
      detail,
    });
    removed.push(id);
  }
  return removed;
}

/** Instances of a name that are no tombstones. */
export async function livingInstances(
  db: ReadContext,
  name: string,
): Promise<readonly Pick<InstanceTable, 'id'>[]> {
  return db
    .selectFrom('instances')
    .select('id')
    .where('agent_name', '=', name)
    .where('role', '<>', 'removed')
    .execute();
}
