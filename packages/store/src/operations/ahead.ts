/*
 * Agents that are ahead of a restored store: they have seen history that it lost. What they run stands: it counts as
 * given at the restore, later than every choice of the backup and earlier than every choice that is made from then on.
 */
import { lostTo, type RestoredLife, type StorePlace } from '@moult/core/restore';
import { applyEvent, openCommandsOf } from './command-rows.ts';
import { componentRow, setComponent } from './component-rows.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import type { InstanceRow } from './instances.ts';
import { placeSeen, restoredLives, storeLife } from './lives.ts';
import type { ProvenHello } from './proven-hello.ts';

/** The first session of an instance in this life of the store. */
export async function takeOver(
  context: WriteContext,
  of: { readonly instance: InstanceRow; readonly hello: ProvenHello; readonly own: StorePlace },
): Promise<void> {
  const { instance, hello, own } = of;
  const seen = await placeSeen(context.db, hello.seen);
  const lost = lostTo(await restoredLives(context.db), { own, seen });
  if (lost === null) return;
  await context.db
    .updateTable('instances')
    .set({ ahead_generation: own.generation, ahead_position: lost.position, settled_ms: null })
    .where('id', '=', instance.id)
    .execute();
  await addHistory(context, {
    nowMs: hello.nowMs,
    kind: 'agent-ahead',
    agentName: instance.agent_name,
    instanceId: instance.id,
    detail: { seen: hello.seen, counter: hello.counter },
  });
  await revokeOpen(context, { instance, hello, lost });
}

/** RS6: some of them may have been superseded. The one that the host is proving now it has itself begun. */
async function revokeOpen(
  context: WriteContext,
  of: {
    readonly instance: InstanceRow;
    readonly hello: ProvenHello;
    readonly lost: RestoredLife;
  },
): Promise<void> {
  const { hello, lost } = of;
  const message =
    'the coordinator was restored from a backup that is older than what this host has seen; order it again if it is still wanted';
  for (const command of await openCommandsOf(context.db, of.instance.id)) {
    if (command.position > lost.fromPosition || command.nonce === hello.commandNonce) continue;
    await applyEvent(context, command, {
      event: 'revoked',
      nowMs: hello.nowMs,
      ending: { outcome: 'revoked', code: 'coordinator-restored', message },
    });
  }
}

/** RS5: what it proves, without a version on trial, counts as given. */
export async function settle(
  context: WriteContext,
  of: { readonly instance: InstanceRow; readonly hello: ProvenHello },
): Promise<void> {
  const { instance, hello } = of;
  const { ahead_position: position } = instance;
  if (position === null || instance.settled_ms !== null || hello.commandNonce !== '') return;
  for (const component of ['agent', 'launcher'] as const) {
    const slot = hello.slots[component];
    if (slot === null || slot.digest === '') continue;
    const row = await componentRow(context.db, { instanceId: instance.id, component });
    // Given since, in this life: that stands.
    if ((row?.given_position ?? 0) > position) continue;
    await addHistory(context, {
      nowMs: hello.nowMs,
      kind: 'version-adopted',
      agentName: instance.agent_name,
      instanceId: instance.id,
      component,
      detail: { version: slot.version, digest: slot.digest, before: row?.given_version ?? null },
    });
    await setComponent(
      context,
      { instanceId: instance.id, component },
      {
        given_version: slot.version,
        given_digest: slot.digest,
        given_position: position,
        reopened_digest: null,
      },
    );
  }
  await context.db
    .updateTable('instances')
    .set({ settled_ms: hello.nowMs })
    .where('id', '=', instance.id)
    .execute();
}

/** Ahead of the life that this store is in: only then is something unknown no lie. */
export async function isAhead(db: ReadContext, instance: InstanceRow): Promise<boolean> {
  if (instance.ahead_generation === 0) return false;
  return instance.ahead_generation === (await storeLife(db, null)).generation;
}
