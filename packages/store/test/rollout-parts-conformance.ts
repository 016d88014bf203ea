/* Rollouts that are made of another one: its parts, and what takes it back. */
import { DEFAULT_SPEC, type RolloutSpec } from '@moult/core/rollout';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { D2, NOW, order, publish, report } from './support/rows.ts';

const REST: RolloutSpec['waves'] = [{ kind: 'rest' }];
const SPEC: RolloutSpec = { ...DEFAULT_SPEC, component: 'agent', version: '2.0.0', waves: REST };

export function rolloutPartsConformance(engine: Engine): void {
  describe(`rollouts of rollouts on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    splitting(() => store);
    reverting(() => store);
  });
}

const of = (rollout: string) => ({ ...order, rollout });
const SPLIT = { into: 2, isOneByOne: false, isByGroup: false };

function asked(fleet: Fleet, ...names: readonly string[]) {
  return names.map((name) => ({ instanceId: fleet.id(name), isConnected: true }));
}

function splitting(opened: () => Store): void {
  test('RO44: each part has its share of each group, and of a group they share what it can spare', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c', 'd'] });
    const made = await fleet.make({ waves: [{ kind: 'count', count: 1 }, { kind: 'rest' }] });
    const parts = await store.write('splitRollout', { ...of(made.id), ...SPLIT, why: '' });
    expect(parts).toMatchObject([
      { name: 'agent-2.0.0-1', state: 'pending', agents: '["a","c"]', split_of: made.id },
      { name: 'agent-2.0.0-2', state: 'pending', agents: '["b","d"]', starts_after: null },
    ]);
    const original = await store.read('rolloutView', made.id);
    expect(original).toMatchObject({
      row: { state: 'cancelled', state_why: 'split in agent-2.0.0-1, agent-2.0.0-2' },
      waves: [],
    });
    for (const part of parts) {
      const view = await store.read('rolloutView', part.id);
      expect(view.waves).toMatchObject([{ waiting: 1 }, { waiting: 1 }]);
      expect(view.related).toMatchObject([{ name: 'agent-2.0.0' }]);
      const start = { ...of(part.id), agents: asked(fleet, ...JSON.parse(part.agents ?? '')) };
      await store.write('startRollout', start);
      await store.write('stepRollout', { id: part.id, nowMs: NOW });
    }
    fleet.rollout = parts[0]?.id ?? '';
    expect(await fleet.states()).toEqual({ a: 'upgrading', c: 'waiting' });
    // The one of eu has the place of its group.
    fleet.rollout = parts[1]?.id ?? '';
    expect(await fleet.states()).toEqual({ b: 'waiting', d: 'waiting' });
  });

  test('RO44: the parts are listed by their numbers', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c', 'd', 'e', 'f'] });
    const made = await fleet.make({ waves: REST });
    const parts = await store.write('splitRollout', { ...of(made.id), ...SPLIT, into: 6 });
    const page = { state: 'pending', before: null, limit: 10 } as const;
    // Newest first, as all are.
    const listed = (await store.read('rolloutPage', page)).map(({ row }) => row.name);
    expect(listed.toReversed()).toEqual(parts.map(({ name }) => name));
  });

  test('RO44: one by one each starts when the one before it has ended well, and not otherwise', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c'] });
    const made = await fleet.make({ waves: REST });
    const split = { ...of(made.id), ...SPLIT, into: 3, isOneByOne: true };
    const [first, second, third] = await store.write('splitRollout', split);
    expect(second).toMatchObject({ starts_after: first?.id });
    expect(third).toMatchObject({ starts_after: second?.id });
    const due = async () => (await store.read('unsettledRollouts', { nowMs: NOW })).due;
    expect(await due()).toEqual([]);
    fleet.rollout = first?.id ?? '';
    await store.write('startRollout', of(fleet.rollout));
    await fleet.step();
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ outcome: 'ended-ok' });
    expect(await due()).toEqual([second?.id]);
    fleet.rollout = second?.id ?? '';
    const { revision } = await fleet.view();
    const start = { rollout: fleet.rollout, revision, agents: asked(fleet, 'b'), nowMs: NOW };
    expect(await store.write('startDueRollout', start)).toBe(true);
    await fleet.step();
    await fleet.send('b');
    await fleet.finish('b', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'halted' });
    expect(await due()).toEqual([]);
    await store.write('cancelRollout', of(fleet.rollout));
    expect(await due()).toEqual([]);
    expect(await store.write('startRollout', of(third?.id ?? ''))).toMatchObject({
      state: 'running',
    });
  });

  test('RO44: what cannot be split is refused, and says why', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c'] });
    const made = await fleet.make({ waves: REST });
    const refused = async (set: object, error: object) =>
      await expect(
        store.write('splitRollout', { ...of(made.id), ...SPLIT, ...set }),
      ).rejects.toMatchObject(error);
    await refused(
      { into: 4 },
      {
        code: 'rollout-split-invalid',
        message: 'agent-2.0.0 has 3 agents: it cannot be split into 4',
      },
    );
    await refused(
      { into: 3, isByGroup: true },
      { message: 'agent-2.0.0 has agents in 2 groups: it cannot be split into 3' },
    );
    await store.write('startRollout', of(made.id));
    await refused(
      {},
      {
        code: 'rollout-state',
        message: 'agent-2.0.0 is running: only what is pending is split',
      },
    );
    expect((await store.read('rolloutView', made.id)).waves).toMatchObject([{ waiting: 3 }]);
  });
}

const BACK = { version: null, spec: SPEC, name: null, key: null, why: '' };

async function shows(store: Store, fleet: Fleet, name: string, version: string): Promise<void> {
  await report(store, fleet.id(name), [], {
    components: [
      {
        ...{ component: 'agent', previous: null, refused: [], trialAttemptId: '' },
        current: { version, digest: version === '2.0.0' ? D2 : '1'.repeat(64) },
        changes: { files: [], count: 0 },
      },
    ],
  });
}

function reverting(opened: () => Store): void {
  /** `a` and `b` are upgraded, `c` is not. */
  async function upgraded(store: Store): Promise<Fleet> {
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'], asia: ['c'] });
    await fleet.rollOut({ waves: REST });
    for (const name of ['a', 'b']) {
      await fleet.send(name);
      await fleet.finish(name, { attests: true });
      await shows(store, fleet, name, '2.0.0');
    }
    return fleet;
  }

  test('RO45: what it has upgraded goes back to what each ran before, by a rollout of its own', async () => {
    const store = opened();
    const fleet = await upgraded(store);
    const running = store.write('revertRollout', { ...of(fleet.rollout), ...BACK, agents: [] });
    await expect(running).rejects.toMatchObject({
      ...{ code: 'rollout-state' },
      message: 'agent-2.0.0 is running: it would go on with what is taken back',
    });
    await store.write('cancelRollout', of(fleet.rollout));
    const agents = asked(fleet, 'a', 'b');
    const back = { ...of(fleet.rollout), ...BACK, agents, key: 'k' };
    const { rollouts, cannot } = await store.write('revertRollout', back);
    expect(cannot).toEqual([]);
    expect(rollouts).toMatchObject([
      {
        ...{ name: 'agent-2.0.0-revert', version: '1.0.0', origin: 'revert' },
        ...{ reverts: fleet.rollout, state: 'pending', agents: '["a","b"]' },
        why: 'takes back agent-2.0.0',
      },
    ]);
    const again = await store.write('revertRollout', back);
    expect(again.rollouts.map(({ id }) => id)).toEqual(rollouts.map(({ id }) => id));
    fleet.rollout = rollouts[0]?.id ?? '';
    await store.write('startRollout', { ...of(fleet.rollout), agents });
    await fleet.step();
    const command = await store.read('commandById', await fleet.commandOf('a'));
    expect(command).toMatchObject({ version: '1.0.0', is_revert: 1, origin: 'rollout' });
  });

  test('RO45: whoever cannot be taken back is named, with the reason', async () => {
    const store = opened();
    const fleet = await upgraded(store);
    await store.write('pauseRollout', of(fleet.rollout));
    await shows(store, fleet, 'a', '1.0.0');
    const back = { ...of(fleet.rollout), ...BACK, agents: [] };
    const { rollouts, cannot } = await store.write('revertRollout', { ...back, name: 'undo' });
    expect(rollouts).toMatchObject([{ name: 'undo', agents: '["b"]' }]);
    expect(cannot).toEqual([{ agent: 'a', reason: 'moved-on' }]);
    const unknown = store.write('revertRollout', { ...back, version: '9.9.9' });
    await expect(unknown).rejects.toMatchObject({ code: 'desired-version-invalid' });
    await shows(store, fleet, 'b', '1.0.0');
    await expect(store.write('revertRollout', back)).rejects.toMatchObject({
      ...{ code: 'rollout-empty' },
      message: 'nobody of agent-2.0.0 can be taken back: a (moved-on), b (moved-on)',
    });
  });

  test('RO45: what has upgraded nobody has nothing to take back', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    const { id } = await fleet.make({ waves: REST });
    const back = { ...of(id), ...BACK, agents: [] };
    await expect(store.write('revertRollout', back)).rejects.toMatchObject({
      message: 'agent-2.0.0 is pending: it has upgraded nobody',
    });
    await store.write('cancelRollout', of(id));
    await expect(store.write('revertRollout', back)).rejects.toMatchObject({
      message: 'agent-2.0.0 has upgraded nobody: there is nothing to take back',
    });
  });
}
