/* Tasks, as every engine of the store must keep them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CommandTable, Store, WriteArgs } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { agent, enroll, finish, instance, NOW, order, report, session } from './support/rows.ts';
import { makeToken } from './support/tokens.ts';

const CAPABLE = ['auto-upgrade', 'control', 'tasks'];
const OFFER = { name: 'backup', description: '', parameters: [], schedule: '', timeZone: '' };

const TOLD = {
  task: 'backup',
  attempt: 1,
  started_ms: NOW,
  ended_ms: null,
  outcome: null,
  code: null,
  message: null,
  exit_code: null,
  signal: null,
  output_bytes: 0,
  dropped_bytes: 0,
  starts: 1,
} as const;

export function taskConformance(engine: Engine): void {
  describe(`tasks in a store on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    let instanceId: string;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      ({ instanceId } = await agent(store, 'a'));
      await session(store, { instanceId, counter: 1, capabilities: CAPABLE });
      await report(store, instanceId, [], { tasks: [OFFER] });
    });
    afterEach(() => dispose());

    const orderTask = (set: Partial<WriteArgs<'orderTask'>> = {}) =>
      store.write('orderTask', {
        ...order,
        instanceId,
        task: 'backup',
        parameters: [],
        key: null,
        notAfterMs: NOW + 86_400_000,
        ...set,
      });
    const ordered = async (set: Partial<WriteArgs<'orderTask'>> = {}): Promise<CommandTable> => {
      const done = await orderTask(set);
      if (done.kind !== 'ordered') throw new Error(`not ordered: ${done.kind}`);
      return done.command;
    };
    const dispatched = (set: Partial<WriteArgs<'dispatch'>> = {}) =>
      store.write('dispatch', {
        instanceId,
        isConnected: true,
        listeningSinceMs: NOW,
        nowMs: NOW,
        resends: false,
        ...set,
      });
    const tell = (firstSequence: number, run: Partial<WriteArgs<'storeOutput'>['items'][number]>) =>
      store.write('storeOutput', {
        instanceId,
        epoch: 'e',
        firstSequence,
        items: [{ kind: 'taskRun', ...run } as WriteArgs<'storeOutput'>['items'][number]],
        nowMs: NOW,
      });
    const runs = (set: Partial<Parameters<typeof page>[0]> = {}) =>
      store.read('runPage', page(set));
    const untold = async () =>
      (await store.read('takenBackTasks', { instanceId, nowMs: NOW })).map(({ id }) => id);

    test('C22: tasks go out in the order of their orders, and again in that order', async () => {
      const ids: string[] = [];
      for (let count = 0; count < 5; count++) ids.push((await ordered()).id);
      const away = await dispatched({ isConnected: false });
      expect(away.open.map((one) => one.hold_reason)).toEqual(Array(5).fill('agent-down'));
      expect((await dispatched()).sends.map(({ id }) => id)).toEqual(ids);
      await store.write('recordAccepted', {
        instanceId,
        commandId: ids[1] ?? '',
        attempt: 1,
        nowMs: NOW,
      });
      await store.write('lapse', { instanceId, nowMs: NOW });
      expect((await dispatched({ resends: true })).sends.map(({ id }) => id)).toEqual(ids);
    });

    test('what a host offers, and what is wrong with its configuration, is kept as it said last', async () => {
      const said = await instance(store, instanceId);
      expect(JSON.parse(said.tasks)).toEqual([OFFER]);
      const configurationTrouble = 'tasks.yaml: backup.program: must be absolute';
      await report(store, instanceId, [], { tasks: [], configurationTrouble });
      expect(await instance(store, instanceId)).toMatchObject({
        tasks: '[]',
        configuration_trouble: configurationTrouble,
      });
      // A version that knows no tasks has not said that there are none.
      await session(store, { instanceId, counter: 2, ticket: 'ff', capabilities: ['control'] });
      await report(store, instanceId, []);
      expect(await instance(store, instanceId)).toMatchObject({
        tasks: '',
        configuration_trouble: '',
      });
    });

    test('C17, C22: in states other than Up tasks wait, and behind an upgrade that comes first', async () => {
      await ordered();
      for (const [state, reason] of [
        ['Paused', 'paused'],
        ['Upgrading', 'upgrading'],
        ['Upgrade Failed', 'upgrade-failed'],
      ] as const) {
        await report(store, instanceId, [], { state, tasks: [OFFER] });
        expect((await dispatched()).open).toMatchObject([{ hold_reason: reason }]);
      }
      await report(store, instanceId, [], { tasks: [OFFER] });
      await session(store, { instanceId, counter: 2, ticket: 'ff', capabilities: CAPABLE });
      const upgrade = { component: 'agent', version: '2.0.0', isForced: false, key: null } as const;
      await store.write('orderUpgrade', { ...order, ...upgrade, agentName: 'a' });
      expect((await dispatched()).open).toMatchObject([
        { kind: 'autoUpgrade', state: 'sent' },
        { kind: 'task', state: 'queued', hold_reason: 'upgrading' },
      ]);
    });

    test('C17: an upgrade that was ordered since its host came lets tasks go on, before and in its probation', async () => {
      const nowMs = NOW + 1;
      const wanted = { component: 'agent', version: '2.0.0', isForced: false, key: null } as const;
      await store.write('orderUpgrade', { ...order, ...wanted, agentName: 'a', nowMs });
      const [upgrade] = (await dispatched({ nowMs })).sends;
      await ordered();
      expect((await dispatched({ nowMs })).sends).toMatchObject([{ kind: 'task' }]);
      const again = { instanceId, capabilities: CAPABLE, nowMs: NOW + 2 };
      const commandNonce = upgrade?.nonce ?? '';
      await session(store, { ...again, counter: 2, ticket: 'ff', commandNonce });
      await ordered();
      expect((await dispatched({ nowMs: NOW + 2 })).sends).toMatchObject([{ kind: 'task' }]);
      // One that has waited for its host goes first.
      await session(store, { ...again, counter: 3, ticket: 'ff' });
      await ordered();
      const { open } = await dispatched({ nowMs: NOW + 2 });
      expect(open.at(-1)).toMatchObject({ kind: 'task', hold_reason: 'upgrading' });
    });

    test('C22: an order is refused where its host has said that it would be', async () => {
      expect(await orderTask({ task: 'other' })).toEqual({
        kind: 'not-listed',
        offered: ['backup'],
      });
      const token = await makeToken(store, {});
      const fresh = await enroll(store, { tokenId: token.id, name: 'b', publicKey: 'b' });
      expect(await orderTask({ instanceId: fresh.instanceId, task: 'other' })).toMatchObject({
        kind: 'ordered',
      });
      await session(store, { instanceId, counter: 2, ticket: 'ff', capabilities: ['control'] });
      expect(await orderTask()).toEqual({ kind: 'incapable' });
    });

    test('C22: of one agent so many tasks are open at most', async () => {
      await Promise.all(Array.from({ length: 1_000 }, () => orderTask()));
      expect(await orderTask()).toEqual({ kind: 'full' });
      const first = (await dispatched()).sends[0]?.id ?? '';
      await finish(store, { instanceId, commandId: first, sequence: 1 });
      expect(await orderTask()).toMatchObject({ kind: 'ordered' });
    });

    test('C22: of one task a host has so many orders at a time; those behind them wait, and everything else goes', async () => {
      await report(store, instanceId, [], { tasks: [OFFER, { ...OFFER, name: 'other' }] });
      const ids: string[] = [];
      for (let count = 0; count < 66; count++) ids.push((await ordered()).id);
      const other = await ordered({ task: 'other' });
      const sent = async () => (await dispatched()).sends.map(({ id }) => id);
      const held = async (id = '') => (await store.read('commandById', id))?.hold_reason;
      expect(await sent()).toEqual([...ids.slice(0, 64), other.id]);
      expect(await sent()).toEqual([]);
      expect([await held(ids[64]), await held(ids[65])]).toEqual(Array(2).fill('earlier-runs'));
      await finish(store, { instanceId, commandId: ids[3] ?? '', sequence: 1 });
      expect(await sent()).toEqual([ids[64]]);
      expect(await held(ids[65])).toBe('earlier-runs');
      const upgrade = { component: 'agent', version: '2.0.0', isForced: false, key: null } as const;
      await store.write('orderUpgrade', { ...order, ...upgrade, agentName: 'a' });
      expect((await dispatched()).sends).toMatchObject([{ kind: 'autoUpgrade' }]);
      // The time of one that stands behind runs out like that of any other.
      await dispatched({ isConnected: false, nowMs: NOW + 86_400_000 });
      expect(await store.read('commandById', ids[65] ?? '')).toMatchObject({ state: 'expired' });
    });

    test('C4: a task that no host has accepted by its time expires, and one on a host that vanished', async () => {
      const [first, second] = [await ordered(), await ordered({ notAfterMs: NOW + 10 })];
      await dispatched();
      const accept = { instanceId, commandId: first.id, attempt: 1, nowMs: NOW };
      await store.write('recordAccepted', accept);
      await dispatched({ nowMs: NOW + 10 });
      expect(await store.read('commandById', second.id)).toMatchObject({ state: 'expired' });
      await dispatched({ isConnected: false, nowMs: NOW + 2 * 86_400_000 });
      expect(await store.read('commandById', first.id)).toMatchObject({
        state: 'expired',
        code: 'host-vanished',
      });
      // It runs to its end there; only the other one is denied.
      expect(await untold()).toEqual([second.id]);
      await finish(store, { instanceId, commandId: first.id, sequence: 1 });
      expect(await store.read('commandById', first.id)).toMatchObject({ state: 'succeeded' });
    });

    test('C15, C19: a task that was taken back stays so, and its host is told until it says that it is over', async () => {
      const never = await ordered();
      await store.write('revokeCommand', { ...order, id: never.id });
      const running = await ordered();
      await dispatched();
      const ref = { instanceId, commandId: running.id, attempt: 1, nowMs: NOW };
      await store.write('recordAccepted', ref);
      const run = { ...TOLD, run: `${running.id}/1`, command_id: running.id };
      await tell(1, { run });
      expect(await store.read('commandById', running.id)).toMatchObject({ state: 'running' });
      const taken = await store.write('revokeCommand', { ...order, id: running.id });
      expect(taken).toMatchObject({ effect: 'ending', command: { state: 'revoked' } });
      expect(await store.write('recordAccepted', ref)).toMatchObject({ state: 'revoked' });
      expect(await untold()).toEqual([running.id]);
      await tell(2, { run: { ...run, ended_ms: NOW, outcome: 'failed', exit_code: 143 } });
      await finish(store, { instanceId, commandId: running.id, sequence: 3, outcome: 'failed' });
      expect(await untold()).toEqual([]);
      expect(await runs({ run: run.run })).toMatchObject([
        { command: { state: 'revoked' }, told: { exit_code: 143 } },
      ]);
    });

    test('C15, C19: a task that a restore made over is left to run to its end, and counts then', async () => {
      const { id } = await ordered();
      await dispatched();
      await store.write('recordAccepted', { instanceId, commandId: id, attempt: 1, nowMs: NOW });
      const life = { origin: 'restored', aboveGeneration: 5, principal: 'ann', why: '' } as const;
      await store.write('beginLife', { ...life, nowMs: NOW });
      const seen = { generation: 5, position: 10_000 };
      await session(store, { instanceId, counter: 2, ticket: 'ff', capabilities: CAPABLE, seen });
      expect(await store.read('commandById', id)).toMatchObject({
        state: 'revoked',
        code: 'coordinator-restored',
      });
      expect(await untold()).toEqual([]);
      await finish(store, { instanceId, commandId: id, sequence: 1 });
      expect(await store.read('commandById', id)).toMatchObject({ state: 'succeeded' });
    });

    test('what is said of a run last is the truth, also of an order that this store does not know', async () => {
      const known = await ordered();
      const ofKnown = { ...TOLD, run: `${known.id}/1`, command_id: known.id };
      const ofLost = { ...TOLD, run: 'lost/1', command_id: 'lost', started_ms: NOW - 1 };
      await tell(1, { run: ofKnown });
      await tell(2, { run: ofLost });
      await tell(3, { run: { ...ofKnown, ended_ms: NOW + 5, outcome: 'succeeded' } });
      // Again, as after a lost acknowledgement: it is known already.
      await tell(1, { run: ofKnown });
      expect(await runs()).toMatchObject([
        { command: { id: known.id }, told: { ended_ms: NOW + 5 } },
        { command: null, told: { run: 'lost/1', command_id: '' } },
      ]);
      expect(await runs({ state: 'open' })).toHaveLength(2);
      await store.write('renameAgent', { ...order, name: 'a', newName: 'b' });
      expect(await runs({ agent: 'b' })).toHaveLength(2);
    });

    test('a finished task changes nothing of what is wanted, and has no attempts', async () => {
      const { id } = await ordered();
      await dispatched();
      const done = await finish(store, { instanceId, commandId: id, sequence: 1 });
      expect(done.finished).toMatchObject([{ kind: 'ended', isTask: true, isCleanupDue: false }]);
      expect((await instance(store, instanceId)).output_sequence).toBe(1);
      const attempts = { agent: 'a', commandId: null, before: null, limit: 10 };
      expect(await store.read('attemptPage', attempts)).toEqual([]);
    });
  });
}

function page(set: {
  readonly agent?: string;
  readonly run?: string;
  readonly state?: 'open' | 'ended';
}) {
  const all = {
    agent: null,
    task: null,
    run: null,
    state: 'all',
    before: null,
    limit: 10,
  } as const;
  return { ...all, ...set };
}
