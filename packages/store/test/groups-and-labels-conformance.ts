/* What operators say of an agent: its group, its labels. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { order, publish, report } from './support/rows.ts';

export function groupsAndLabelsConformance(engine: Engine): void {
  describe(`groups and labels of agents on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    const move = (name: string, group: string, mayMake = false) =>
      store.write('moveAgent', { ...order, name, group, mayMake });
    const label = (name: string, set: Readonly<Record<string, string>>, remove: string[] = []) =>
      store.write('labelAgent', { ...order, name, set, remove });
    const historyOf = async (agent: string) => {
      const page = { agent, before: null, after: null, limit: 9 };
      return (await store.read('historyPage', page)).map(({ kind }) => kind);
    };
    const facts = async () => {
      const page = { after: null, limit: 9, withDesired: true, withWaiting: false, key: null };
      return Object.fromEntries(
        (await store.read('selectionPage', page)).map((row) => [row.agent_name, row]),
      );
    };

    test('RO56: an agent that moves takes its turns in its new group, also in a rollout that has begun', async () => {
      const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c'] });
      await fleet.rollOut({ waves: [{ kind: 'rest' }] });
      expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting', c: 'upgrading' });
      expect(await move('b', 'apart', true)).toEqual({ instanceId: fleet.id('b'), from: 'eu' });
      await fleet.step();
      expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'upgrading', c: 'upgrading' });
      expect(await store.read('allGroups', null)).toEqual(
        expect.arrayContaining([
          { name: 'apart', agents: 1, unavailableMax: 1 },
          { name: 'eu', agents: 1, unavailableMax: 1 },
        ]),
      );
      expect(await historyOf('b')).toContain('group-changed');
    });

    test('RO56: a turn that is waited for is one of the new group, where somebody has it', async () => {
      const fleet = await Fleet.of(store, { eu: ['a'], us: ['c', 'd'] });
      await fleet.rollOut({ waves: [{ kind: 'rest' }] }, ['c', 'd']);
      expect(await fleet.states()).toEqual({ c: 'upgrading', d: 'waiting' });
      const upgrade = { ...order, agentName: 'a', component: 'agent', version: '2.0.0' } as const;
      const { command } = await store.write('orderUpgrade', {
        ...upgrade,
        ...{ isForced: false, key: null },
      });
      await move('a', 'us');
      expect(await store.read('commandById', command.id)).toMatchObject({ group_name: 'us' });
    });

    test('RO56: who takes a place of its group stays until it is over', async () => {
      const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c'] });
      await fleet.rollOut({ waves: [{ kind: 'rest' }] }, ['a', 'b']);
      await fleet.send('a');
      await expect(move('a', 'us')).rejects.toMatchObject({ code: 'agent-in-flight' });
      await fleet.finish('a', { attests: true });
      expect(await move('a', 'us')).toMatchObject({ from: 'eu' });
    });

    test('RO56: the choice of the new group holds from then on, and a name that is no group is asked about', async () => {
      await Fleet.of(store, { eu: ['a'], us: ['b'] });
      const choice = { scope: 'group', subject: 'us', component: 'agent', version: '2.0.0' };
      await store.write('choose', { ...order, ...choice } as never);
      await expect(move('a', 'uss')).rejects.toThrow(/no group uss, did you mean us\?/);
      await expect(move('nobody', 'us')).rejects.toMatchObject({ code: 'not-found' });
      const { instanceId } = await move('a', 'us');
      expect((await facts())['a']).toMatchObject({ group_name: 'us', desired: '2.0.0' });
      const [issued] = await store.write('issueWanted', { instanceIds: [instanceId], nowMs: 1 });
      expect(issued).toMatchObject({ version: '2.0.0', group_name: 'us' });
      const before = await historyOf('a');
      await move('a', 'us');
      expect(await historyOf('a')).toEqual(before);
    });

    test('RO57: a group that nothing needs any more is removed, with what was set for it', async () => {
      const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
      const after = order.nowMs + 1;
      const remove = (group: string, nowMs: number = order.nowMs) =>
        store.write('removeGroup', { ...order, nowMs, group });
      const choose = (version: string | null) =>
        store.write('choose', {
          ...order,
          ...{ scope: 'group', subject: 'us', component: 'agent', version },
        } as never);
      await store.write('setGroup', { ...order, group: 'us', unavailableMax: 7 });
      await store.write('changeSetting', {
        ...{ ...order, key: 'rollout.soak', group: 'us', value: '1h' },
      });
      await choose('2.0.0');
      const token = await store.write('createToken', {
        ...{
          ...order,
          kind: 'enrollment',
          secretHash: 'hash',
          expiresMs: after,
          uses: 2,
        },
        ...{ group: 'us', validates: true, replaces: null },
      });
      await expect(remove('us')).rejects.toMatchObject({
        code: 'group-in-use',
        message: `group us has agents b; tokens ${token.id}; choices of agent`,
      });
      const of = { instanceId: fleet.id('b'), isConnected: false };
      await store.write('removeInstance', { ...order, ...of });
      expect(await store.read('allGroups', null)).toContainEqual({
        ...{ name: 'us', agents: 0, unavailableMax: 7 },
      });
      await choose(null);
      await expect(remove('us')).rejects.toThrow(`group us has tokens ${token.id}`);
      await remove('us', after);
      await expect(remove('us', after)).rejects.toMatchObject({ code: 'not-found' });
      await move('a', 'us', true);
      expect(await store.read('allGroups', null)).toEqual([
        { name: 'eu', agents: 0, unavailableMax: 1 },
        { name: 'us', agents: 1, unavailableMax: 1 },
      ]);
      const inForce = await store.read('settings', { group: 'us' });
      expect(inForce.filter(({ from }) => from === 'group')).toEqual([]);
    });

    test('SE7: labels of operators and of the host are kept apart, each change once in history', async () => {
      const fleet = await Fleet.of(store, { eu: ['a'] });
      await label('a', { role: 'db', tier: '1' });
      await label('a', { role: 'db' });
      expect(await label('a', {}, ['tier', 'none'])).toMatchObject({ labels: { role: 'db' } });
      await report(store, fleet.id('a'), [], { labels: { role: 'web', zone: 'b' } });
      expect((await facts())['a']).toMatchObject({
        labels: '{"role":"db"}',
        host_labels: '{"role":"web","zone":"b"}',
      });
      expect((await historyOf('a')).filter((kind) => kind === 'labelled')).toHaveLength(2);
      const many = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`l${at}`, 'x']));
      await expect(label('a', many)).rejects.toMatchObject({ code: 'labels-too-many' });
      await expect(label('nobody', {})).rejects.toMatchObject({ code: 'not-found' });
    });
  });
}
