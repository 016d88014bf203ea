/* Hosts made anew, renamed, cloned and removed: a name is a label, identity is the instance and its key. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { agent, enroll, order, ordered, session } from './support/rows.ts';

export function identityConformance(engine: Engine): void {
  describe(`identities on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
    });
    afterEach(() => dispose());

    test('RS10: a host made anew takes the place of its instance: name, group and history stay, the old key is refused for ever', async () => {
      const old = await agent(store, 'web-1');
      const command = await ordered(store, 'web-1');
      const token = await replacing(store, 'web-1');
      const now = { tokenId: token.id, name: 'localhost', publicKey: 'new' };
      const made = await enroll(store, now);
      expect(made).toMatchObject({ name: 'web-1', isNew: true, replaced: [old.instanceId] });
      expect(await store.read('commandById', command.id)).toMatchObject({
        state: 'revoked',
        code: 'decommissioned',
      });
      expect((await store.read('agentByName', 'web-1'))?.instance.id).toBe(made.instanceId);
      expect(await session(store, { instanceId: old.instanceId, counter: 1 })).toEqual({
        kind: 'decommissioned',
      });
      await expect(
        enroll(store, { tokenId: token.id, name: 'web-1', publicKey: 'web-1' }),
      ).rejects.toMatchObject({ code: 'key-decommissioned' });
      expect(await enroll(store, now)).toMatchObject({ isNew: false, name: 'web-1' });
      const ids = { scope: 'fleet', subject: '', after: '', limit: 9 } as const;
      expect(await store.read('instanceIdPage', ids)).toEqual([made.instanceId]);
    });

    test('RS10: a token replaces nobody that is not there, and without one a name is one host', async () => {
      await agent(store, 'web-1');
      await expect(replacing(store, 'nobody')).rejects.toMatchObject({ code: 'not-found' });
      const plain = await store.write('createToken', enrollmentToken(null));
      await expect(
        enroll(store, { tokenId: plain.id, name: 'web-1', publicKey: 'other' }),
      ).rejects.toMatchObject({ code: 'name-taken' });
    });

    test('RS11: a renamed agent keeps instance, orders, choices and history', async () => {
      const { instanceId } = await agent(store, 'web-1');
      await agent(store, 'web-2');
      const command = await ordered(store, 'web-1');
      const choice = { scope: 'agent', subject: 'web-1', component: 'agent', version: '2.0.0' };
      await store.write('choose', { ...order, ...choice } as never);
      await store.write('renameAgent', { ...order, name: 'web-1', newName: 'db-1' });
      const view = await store.read('agentByName', 'db-1');
      expect(view?.instance).toMatchObject({ id: instanceId, group_name: 'default' });
      expect(await store.read('agentByName', 'web-1')).toBeNull();
      expect(await store.read('commandById', command.id)).toMatchObject({ agent_name: 'db-1' });
      const page = { agent: 'db-1', before: null, after: null, limit: 99 };
      const kinds = (await store.read('historyPage', page)).map((row) => row.kind);
      expect(kinds[0]).toBe('renamed');
      expect(kinds.at(-1)).toBe('enrolled');
      const { desired } = await store.read('desiredOf', {
        instanceId,
        agentName: 'db-1',
        group: 'default',
        component: 'agent',
        row: view?.components[0] ?? null,
      });
      expect(desired?.version).toBe('2.0.0');
      const taken = store.write('renameAgent', { ...order, name: 'db-1', newName: 'web-2' });
      await expect(taken).rejects.toMatchObject({ code: 'name-taken' });
    });

    test('RS12: a quarantine is lifted for one session as it shows itself, and the other copy is caught again', async () => {
      const { instanceId } = await agent(store, 'web-1');
      await session(store, { instanceId, counter: 5, newTicket: 'aa' });
      const copy = { instanceId, counter: 5 };
      expect(await session(store, copy)).toMatchObject({ kind: 'quarantined', isNew: true });
      expect(await session(store, { instanceId, counter: 6, ticket: 'aa' })).toEqual({
        kind: 'quarantined',
        isNew: false,
      });
      await store.write('releaseQuarantine', { ...order, name: 'web-1' });
      const kept = { instanceId, counter: 7, ticket: 'aa', newTicket: 'bb' };
      expect(await session(store, kept)).toMatchObject({ kind: 'welcome' });
      expect(await session(store, { ...copy, counter: 6 })).toMatchObject({ kind: 'quarantined' });
    });
  });
}

function replacing(store: Store, name: string) {
  return store.write('createToken', enrollmentToken(name));
}

function enrollmentToken(replaces: string | null) {
  return {
    ...order,
    kind: 'enrollment',
    secretHash: 'hash',
    expiresMs: null,
    uses: 1,
    group: 'other',
    validates: true,
    replaces,
  } as const;
}
