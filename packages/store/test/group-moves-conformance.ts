/* What becomes of choices, rollouts and places where agents are moved to other groups, and groups removed (RO56, RO57). */
import { DEFAULT_SPEC } from '@moult/core/rollout';
import type { Version } from '@moult/core/versions';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { choose, issue } from './support/choosing.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { enroll, NOW, order, publish, report, session } from './support/rows.ts';
import { makeToken } from './support/tokens.ts';

const D3 = '3'.repeat(64);
const WHOLE = { waves: [{ kind: 'rest' as const }] };

export function groupMovesConformance(engine: Engine): void {
  describe(`moves between groups on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
      await publish(store, [['3.0.0', D3]]);
    });
    afterEach(() => dispose());

    choices(() => store);
    rolloutsOfChoices(() => store);
    otherRollouts(() => store);
    removed(() => store);
  });
}

function acting(opened: () => Store) {
  return {
    issue: (fleet: Fleet) => issue(opened(), fleet),
    move: (name: string, group: string, mayMake = false) =>
      opened().write('moveAgent', { ...order, name, group, mayMake }),
    set: (group: string, key: string, value: string) =>
      opened().write('changeSetting', { ...order, group, key, value }),
    remove: (group: string) => opened().write('removeGroup', { ...order, group }),
    removeHost: (instanceId: string) =>
      opened().write('removeInstance', { ...order, instanceId, isConnected: false }),
    state: async (rollout: string) => (await opened().read('rolloutView', rollout)).row.state,
    desired: async (name: string) => {
      const page = { after: null, limit: 9, withDesired: true, withWaiting: false, key: null };
      const rows = await opened().read('selectionPage', page);
      return rows.find((row) => row.agent_name === name)?.desired;
    },
    /** For a group, or null, which is the fleet; gives the rollout, if there is one. */
    choose: async (fleet: Fleet, whom: string | null, version: Version | null) => {
      const name = await choose(opened(), fleet, whom, version);
      return name === null ? '' : fleet.rollout;
    },
  };
}

function choices(opened: () => Store): void {
  const { choose, move, issue, desired } = acting(opened);

  test('RO56: the choice of the new group holds from then on, also one that is older than the last order', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'], us: ['c'] });
    await choose(fleet, 'us', '3.0.0');
    await choose(fleet, 'eu', '2.0.0');
    await fleet.upgrade('a');
    await fleet.step();
    expect(await desired('a')).toBe('2.0.0');
    await move('a', 'us');
    expect(await desired('a')).toBe('3.0.0');
    await issue(fleet);
    expect(await fleet.states()).toEqual({ a: 'done' });
    await move('a', 'eu');
    expect(await desired('a')).toBe('2.0.0');
  });

  test('RO56: what the fleet has chosen holds again where the new group has chosen nothing', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'], us: ['c'] });
    await choose(fleet, null, '2.0.0');
    await choose(fleet, 'eu', '3.0.0');
    await fleet.upgrade('a');
    await fleet.step();
    expect(await desired('a')).toBe('3.0.0');
    await move('a', 'us');
    expect(await desired('a')).toBe('2.0.0');
  });

  test('RO56: where one choice holds in both groups, what was ordered after it stands', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'], us: ['c'] });
    await choose(fleet, null, '2.0.0');
    await fleet.upgrade('a');
    await fleet.step();
    const upgrade = { ...order, agentName: 'a', component: 'agent', version: '3.0.0' } as const;
    await opened().write('orderUpgrade', { ...upgrade, isForced: false, key: null });
    await fleet.send('a');
    await fleet.finish('a', { attests: true, slot: { version: '3.0.0', digest: D3 } });
    await move('a', 'us');
    expect(await desired('a')).toBe('3.0.0');
    expect(await issue(fleet)).toEqual([]);
  });
}

function rolloutsOfChoices(opened: () => Store): void {
  const { choose, move, issue, set, state } = acting(opened);

  test('RO56: who waits in the rollout of its group’s choice leaves it with the group, and has its place there when it comes back', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'], us: ['c'] });
    await choose(fleet, 'eu', '2.0.0');
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting' });
    await move('b', 'us');
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'stopped' });
    expect(await issue(fleet)).toEqual([]);
    await move('b', 'eu');
    await issue(fleet);
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting' });
  });

  test('RO56: it joins the rollout of what its new group has chosen, and is ordered what it had not begun with no more', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'], us: ['c', 'd'] });
    await choose(fleet, 'eu', '2.0.0');
    const ofEu = fleet.rollout;
    await choose(fleet, 'us', '3.0.0');
    // Its order is not on its way yet.
    await move('a', 'us');
    expect(await issue(fleet)).toEqual([]);
    expect(await fleet.states()).toEqual({ a: 'waiting', c: 'upgrading', d: 'waiting' });
    fleet.rollout = ofEu;
    expect(await fleet.states()).toEqual({ a: 'skipped', b: 'waiting' });
  });

  test('RO56: for a choice that holds for both groups nothing changes', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'], us: ['c'] });
    await choose(fleet, null, '2.0.0');
    const before = await fleet.states();
    await move('b', 'us');
    await issue(fleet);
    expect(await fleet.states()).toEqual(before);
  });

  test('RO52, RO56: one that is left with nobody, and has upgraded nobody, is over', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'], us: ['c'] });
    await set('eu', 'choice.starts', 'no');
    const pending = await choose(fleet, 'eu', '2.0.0');
    await move('a', 'us');
    expect(await state(pending)).toBe('pending');
    expect((await fleet.members()).find((row) => row.agent_name === 'a')).toMatchObject({
      ...{ state: 'stopped', message: 'it was moved to another group' },
    });
    await move('b', 'us');
    expect((await opened().read('rolloutView', pending)).row).toMatchObject({
      ...{ state: 'cancelled', outcome: 'superseded' },
    });
    // Who comes back follows by a command.
    await move('b', 'eu');
    expect(await issue(fleet)).toEqual(['b 2.0.0']);
  });

  test('RO52: a newer choice ends what has halted with nobody left in it', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'], us: ['c'] });
    const halted = await choose(fleet, 'eu', '2.0.0');
    await fleet.send('a');
    await fleet.finish('a', { attests: false, outcome: 'failed' });
    await fleet.step();
    await move('b', 'us');
    expect(await state(halted)).toBe('halted');
    await choose(fleet, 'us', '3.0.0');
    expect(await state(halted)).toBe('halted');
    await choose(fleet, 'eu', '3.0.0');
    expect(await state(halted)).toBe('cancelled');
  });

  test('RO42: whoever joins one that waits for its start takes its approval away', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'], us: ['c'] });
    await set('eu', 'rollout.second-principal', 'yes');
    const rollout = await choose(fleet, 'eu', '2.0.0');
    await opened().write('approveRollout', { ...order, principal: 'bob', rollout });
    await move('c', 'eu');
    await issue(fleet);
    expect(await fleet.states()).toEqual({ a: 'waiting', c: 'waiting' });
    const agents = ['a', 'c'].map((name) => ({ instanceId: fleet.id(name), isConnected: true }));
    const start = { ...order, rollout, agents };
    await expect(opened().write('startRollout', start)).rejects.toMatchObject({
      code: 'rollout-not-approved',
    });
  });

  test('RO8: it does not come back into one while another rollout has to do with it', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'], us: ['c'] });
    const ofEu = await choose(fleet, 'eu', '2.0.0');
    await move('b', 'us');
    await fleet.rollOut({ ...WHOLE, pace: 'fetch-only', version: '3.0.0' }, ['b']);
    await move('b', 'eu');
    await issue(fleet);
    fleet.rollout = ofEu;
    expect((await fleet.states())['b']).toBe('stopped');
  });
}

function otherRollouts(opened: () => Store): void {
  const { move, set } = acting(opened);

  test('RO1, RO56: who was away when its rollout ended takes a place of its new group when it comes', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b', 'e'], us: ['c'] });
    await fleet.rollOut(WHOLE, ['a', 'b']);
    await fleet.send('a', { isConnected: false });
    await fleet.step();
    await fleet.upgrade('b');
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'parked', b: 'done' });
    await move('a', 'us');
    await fleet.send('a');
    await fleet.rollOut(WHOLE, ['c', 'e']);
    expect(await fleet.states()).toEqual({ c: 'waiting', e: 'upgrading' });
  });

  test('RO42, RO43: one that waits for an approval which a move makes needless is looked at again', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'], us: ['c'] });
    await set('eu', 'rollout.second-principal', 'yes');
    const { id, revision } = await fleet.make({ needsSecondPrincipal: false }, ['a']);
    await opened().write('setRolloutStart', { ...order, rollout: id, startsMs: NOW + 1 });
    const agents = [{ instanceId: fleet.id('a'), isConnected: true }];
    const due = { rollout: id, revision: revision + 1, agents, nowMs: NOW + 10 };
    await opened().write('startDueRollout', due);
    expect((await opened().read('unsettledRollouts', { nowMs: NOW + 10 })).due).toEqual([]);
    await move('a', 'us');
    const later = await opened().read('unsettledRollouts', { nowMs: NOW + 10 });
    expect(later.due).toHaveLength(1);
  });
}

function removed(opened: () => Store): void {
  const { choose, move, remove, removeHost, set, desired, state } = acting(opened);

  test('RO57: a host that comes anew under its name makes its group again, and is rolled out to', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'], us: ['b'] });
    await removeHost(fleet.id('b'));
    await remove('us');
    const token = await makeToken(opened(), { group: 'eu', validates: true });
    const made = await enroll(opened(), { tokenId: token.id, name: 'b', publicKey: 'b-anew' });
    expect(made.group).toBe('us');
    expect((await opened().read('allGroups', null)).map(({ name }) => name)).toEqual(['eu', 'us']);
    await session(opened(), { instanceId: made.instanceId, counter: 1 });
    await report(opened(), made.instanceId, []);
    const agents = [{ instanceId: made.instanceId, isConnected: true }];
    const spec = { ...DEFAULT_SPEC, ...WHOLE, component: 'agent', version: '2.0.0' } as const;
    const { id } = await opened().write('createRollout', {
      ...{ ...order, spec, name: null, selector: null, agents },
    });
    await opened().write('startRollout', { ...order, rollout: id });
    fleet.rollout = id;
    await fleet.step();
    expect(await fleet.states()).toEqual({ b: 'upgrading' });
  });

  test('RO57: a rollout ends in which an agent waits that was removed, and its group after it', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'], us: ['b', 'c'] });
    await fleet.rollOut(WHOLE);
    await removeHost(fleet.id('c'));
    await fleet.upgrade('a');
    await fleet.upgrade('b');
    await move('b', 'eu');
    await remove('us');
    await fleet.step();
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'done', b: 'done', c: 'skipped' });
    expect(await state(fleet.rollout)).toBe('ended');
  });

  test('RO57: settings of a group that only a token brought go with it', async () => {
    const token = await makeToken(opened(), { group: 'gone', validates: true });
    await set('gone', 'rollout.soak', '1h');
    await opened().write('revokeToken', { ...order, id: token.id });
    await remove('gone');
    const inForce = await opened().read('settings', { group: 'gone' });
    expect(inForce.filter(({ from }) => from === 'group')).toEqual([]);
    await expect(remove('gone')).rejects.toMatchObject({ code: 'not-found' });
  });

  test('RO57: a choice that was taken back is forgotten with its group', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'], us: ['b'] });
    const rollout = await choose(fleet, null, '2.0.0');
    await opened().write('cancelRollout', { ...order, rollout });
    await choose(fleet, 'us', '1.0.0');
    await choose(fleet, 'us', null);
    await move('b', 'eu');
    await remove('us');
    const token = await makeToken(opened(), { group: 'us', validates: true });
    const made = await enroll(opened(), { tokenId: token.id, name: 'd', publicKey: 'd' });
    await session(opened(), { instanceId: made.instanceId, counter: 1 });
    await report(opened(), made.instanceId, []);
    expect(await desired('d')).toBe('2.0.0');
  });
}
