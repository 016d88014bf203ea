/* R8: what fails after its commit goes back, and what could not stands in the way of all others. */
import type { RolloutSpec } from '@moult/core/rollout';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { D1, D2, finish, NOW, order, publish, report, session } from './support/rows.ts';

const EVERYBODY = [{ kind: 'rest' }] as const;
const MINUTE = 60_000;

export function rolloutWayBackConformance(engine: Engine): void {
  describe(`ways back of rollouts on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    goingBack(() => store);
    standing(() => store);
  });
}

async function upgraded(store: Store, set: Partial<RolloutSpec> = {}): Promise<Fleet> {
  const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c'] });
  await fleet.rollOut({ waves: EVERYBODY, ...set });
  await fleet.upgrade('a');
  await fleet.step();
  await fleet.upgrade('b');
  return fleet;
}

function judge(
  store: Store,
  fleet: Fleet,
  name: string,
  some: Partial<{
    readonly awaySinceMs: number;
    readonly lossesMs: readonly number[];
    readonly nowMs: number;
  }>,
) {
  const of = { rolloutId: fleet.rollout, instanceId: fleet.id(name) };
  const facts = { awaySinceMs: null, lossesMs: [], nowMs: NOW, ...some };
  return store.write('judgeDone', { ...of, ...facts });
}

const CRASHES = { lossesMs: Array(5).fill(NOW) };

function goingBack(opened: () => Store): void {
  test('RO35, RO36: who crashes after its commit is ordered back while the rollout is halted', async () => {
    const store = opened();
    const fleet = await upgraded(store);
    expect(await store.read('doneMembers', null)).toHaveLength(2);
    await judge(store, fleet, 'a', {});
    expect(await fleet.states()).toMatchObject({ a: 'done', b: 'done' });
    await judge(store, fleet, 'a', CRASHES);
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'halted', state_why: '1 failed, 0 may' });
    expect(await store.read('judgedRolloutIds', null)).toEqual([fleet.rollout]);
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'rolling-back', b: 'done', c: 'waiting' });
    // RO2 is about its version: who goes back is not held.
    expect(await fleet.send('a')).toBe(null);
    expect(await fleet.permission('a')).toEqual({ kind: 'granted' });
    const command = await store.read('commandById', await fleet.lastCommandOf('a'));
    expect(command).toMatchObject({ version: '1.0.0', is_revert: 1 });
    await fleet.finish('a', { attests: true, slot: { version: '1.0.0', digest: D1 } });
    expect(await fleet.states()).toEqual({ a: 'rolled-back', b: 'done', c: 'waiting' });
    expect(await fleet.failures()).toEqual({ a: 'after-commit', b: null, c: null });
    expect(await fleet.view()).toMatchObject({ state: 'halted' });
    expect(await store.read('judgedRolloutIds', null)).toEqual([]);
  });

  test('RO1, RO35: all that were upgraded go back once it halts, one of a group at a time', async () => {
    const store = opened();
    const fleet = await upgraded(store, { rollBack: 'all' });
    await fleet.step();
    await fleet.send('c');
    await fleet.finish('c', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    await fleet.step();
    expect(await fleet.states()).toEqual({
      a: 'rolling-back',
      b: 'to-roll-back',
      c: 'rolled-back',
    });
    // R23: who has failed, and who goes back with it.
    const alike = await store.read('unfinishedMembers', fleet.rollout);
    expect(alike.map(({ state, failure }) => [state, failure]).sort()).toEqual([
      ['rolled-back', 'trial'],
      ['rolling-back', null],
      ['to-roll-back', null],
    ]);
    await fleet.send('a');
    await fleet.finish('a', { attests: true, slot: { version: '1.0.0', digest: D1 } });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'rolled-back', b: 'rolling-back', c: 'rolled-back' });
    expect(await fleet.failures()).toEqual({ a: null, b: null, c: 'trial' });
  });

  test('RO35: so does who is done later, and nobody whom a person took back from its way', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'], asia: ['c'] });
    await fleet.rollOut({ waves: EVERYBODY, rollBack: 'all' });
    for (const name of ['a', 'b', 'c']) await fleet.send(name);
    await fleet.upgrade('c');
    await judge(store, fleet, 'c', { awaySinceMs: NOW, nowMs: NOW + 10 * MINUTE });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'upgrading', c: 'failed' });
    expect(await fleet.view()).toMatchObject({ state: 'halted' });
    await fleet.finish('a', { attests: true });
    await fleet.finish('b', { attests: true });
    await judge(store, fleet, 'c', {});
    expect(await fleet.states()).toEqual({
      a: 'to-roll-back',
      b: 'to-roll-back',
      c: 'to-roll-back',
    });
    expect(await store.read('judgedRolloutIds', null)).toEqual([fleet.rollout]);
    await store.write('skipRolloutAgent', { ...order, rollout: fleet.rollout, agentName: 'a' });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'done', b: 'rolling-back', c: 'rolling-back' });
  });

  test('RO36: who shows another version has failed, and is back already where it runs that', async () => {
    const store = opened();
    const fleet = await upgraded(store);
    const slot = { version: '1.0.0', digest: D1 };
    await session(store, { instanceId: fleet.id('a'), counter: 9, slot });
    await fleet.reports('a', slot);
    await judge(store, fleet, 'a', {});
    expect(await fleet.states()).toMatchObject({ a: 'to-roll-back' });
    await fleet.step();
    await fleet.step();
    expect(await fleet.states()).toMatchObject({ a: 'rolled-back' });
  });

  test('RO36: what a later order brings, or fails at, is no matter of the rollout before it', async () => {
    const store = opened();
    const later = { version: '2.1.0', digest: '3'.repeat(64) };
    await publish(store, [[later.version, later.digest]]);
    const fleet = await upgraded(store);
    const wanted = { agentName: 'a', component: 'agent', isForced: false, key: null } as const;
    const { command } = await store.write('orderUpgrade', { ...order, ...wanted, ...later });
    const asItWas = async () => {
      await judge(store, fleet, 'a', {});
      return (await fleet.states())['a'];
    };
    await fleet.send('a');
    await fleet.progress('a', 'probation');
    const on = (counter: number, slot: { readonly version: string; readonly digest: string }) =>
      session(store, { instanceId: fleet.id('a'), counter, commandNonce: command.nonce, slot });
    await on(9, later);
    expect(await asItWas()).toBe('done');
    await on(10, { version: '2.0.0', digest: D2 });
    await report(store, fleet.id('a'), [], { state: 'Upgrade Failed' });
    expect(await asItWas()).toBe('done');
    const end = { instanceId: fleet.id('a'), commandId: command.id, sequence: 9 };
    await finish(store, { ...end, outcome: 'rolled-back' });
    expect(await store.read('commandById', command.id)).toMatchObject({ state: 'failed' });
    expect(await asItWas()).toBe('done');
    await on(11, { version: '1.0.0', digest: D1 });
    expect(await asItWas()).toBe('to-roll-back');
  });

  test('RO36: who is gone has failed until it comes back and is well', async () => {
    const store = opened();
    const fleet = await upgraded(store);
    await judge(store, fleet, 'a', { awaySinceMs: NOW, nowMs: NOW + 9 * MINUTE });
    expect(await fleet.states()).toMatchObject({ a: 'done' });
    await judge(store, fleet, 'a', { awaySinceMs: NOW, nowMs: NOW + 10 * MINUTE });
    expect(await fleet.states()).toMatchObject({ a: 'failed' });
    await fleet.step();
    await store.write('resumeRollout', { ...order, rollout: fleet.rollout });
    expect(await fleet.view()).toMatchObject({ failures_forgiven: 1 });
    await judge(store, fleet, 'a', {});
    expect(await fleet.states()).toMatchObject({ a: 'done' });
    expect(await fleet.view()).toMatchObject({ failures_forgiven: 0 });
  });

  test('RO35: to the version that was named, also who was brought back by its own launcher', async () => {
    const store = opened();
    await publish(store, [['1.5.0', '3'.repeat(64)]]);
    const fleet = await Fleet.of(store, { eu: ['a'] });
    await fleet.rollOut({ waves: EVERYBODY, rollBackTo: '1.5.0' });
    await fleet.send('a');
    await fleet.finish('a', { attests: false, outcome: 'rolled-back' });
    expect(await fleet.states()).toEqual({ a: 'to-roll-back' });
    await fleet.step();
    await fleet.step();
    const command = await store.read('commandById', await fleet.lastCommandOf('a'));
    expect(command).toMatchObject({ version: '1.5.0', is_revert: 1 });
  });

  test('RO35: to what it ran when its upgrade began, whatever it was planned from', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    await fleet.rollOut({ waves: EVERYBODY, rollBack: 'all' });
    await fleet.reports('a', { version: '1.5.0', digest: 'e'.repeat(64) });
    for (const name of ['a', 'b']) await fleet.send(name);
    await fleet.progress('a', 'fetching');
    await fleet.finish('a', { attests: true });
    const [a] = await fleet.members();
    expect(a).toMatchObject({ state: 'done', from_version: '1.5.0' });
    await fleet.finish('b', { attests: false });
    await fleet.step();
    await fleet.step();
    // Not to 1.0.0, which it had left.
    const after = (await fleet.members())[0];
    expect(after).toMatchObject({
      code: 'no-way-back',
      message: 'agent 1.5.0 is not published any more',
    });
  });

  test('RO35: nobody, where that was asked for', async () => {
    const store = opened();
    const fleet = await upgraded(store, { rollBack: 'none' });
    await judge(store, fleet, 'a', CRASHES);
    expect(await fleet.states()).toMatchObject({ a: 'failed' });
    expect(await fleet.failures()).toMatchObject({ a: 'after-commit' });
  });
}

function standing(opened: () => Store): void {
  test('RO37: a way back that fails halts, also where it continues on errors', async () => {
    const store = opened();
    const fleet = await upgraded(store, { onError: 'continue' });
    await judge(store, fleet, 'a', CRASHES);
    await fleet.step();
    expect(await fleet.states()).toMatchObject({ a: 'rolling-back' });
    await fleet.send('a');
    await fleet.finish('a', { attests: false, outcome: 'failed' });
    expect(await fleet.states()).toMatchObject({ a: 'failed' });
    expect(await fleet.failures()).toMatchObject({ a: 'roll-back' });
    expect(await fleet.view()).toMatchObject({
      state: 'halted',
      state_why: 'a could not go back',
    });
  });

  test('RO35: who is away on its way back keeps nobody’s place', async () => {
    const store = opened();
    const fleet = await upgraded(store, { rollBack: 'all' });
    await judge(store, fleet, 'a', CRASHES);
    await fleet.step();
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'rolling-back', b: 'to-roll-back', c: 'waiting' });
    await fleet.send('a', { isConnected: false });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'to-roll-back', b: 'rolling-back', c: 'waiting' });
    await fleet.send('b');
    await fleet.finish('b', { attests: true, slot: { version: '1.0.0', digest: D1 } });
    expect(await fleet.send('a')).toBe(null);
    expect(await fleet.states()).toMatchObject({ a: 'rolling-back', b: 'rolled-back' });
  });

  test('RO1, RO34: one that was held, and has its order all the same, takes its place and goes back', async () => {
    const store = opened();
    const fleet = await upgraded(store, { rollBack: 'all' });
    await judge(store, fleet, 'a', CRASHES);
    await fleet.step();
    await fleet.step();
    const first = await fleet.commandOf('a');
    await fleet.send('a', { isConnected: false });
    expect(await fleet.states()).toMatchObject({ a: 'to-roll-back', b: 'to-roll-back' });
    await fleet.progress('a', 'fetching');
    expect(await fleet.states()).toMatchObject({ a: 'rolling-back' });
    await fleet.step();
    expect(await fleet.states()).toMatchObject({ a: 'rolling-back', b: 'to-roll-back' });
    await fleet.send('a', { isConnected: false, nowMs: NOW + 10 * MINUTE });
    expect(await fleet.states()).toMatchObject({ a: 'to-roll-back' });
    const command = await store.read('commandById', await fleet.lastCommandOf('a'));
    expect(command?.id).not.toBe(first);
    expect(command).toMatchObject({ version: '1.0.0', is_revert: 1 });
    await fleet.send('a');
    await fleet.finish('a', { attests: true, slot: { version: '1.0.0', digest: D1 } });
    expect(await fleet.states()).toMatchObject({ a: 'rolled-back' });
  });

  test('RO4, RO35: who was forgiven on its way back, and keeps the version after all, forgives no other one', async () => {
    const store = opened();
    const fleet = await upgraded(store, { rollBack: 'all' });
    await fleet.step();
    await fleet.send('c');
    await fleet.finish('c', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    await fleet.step();
    expect(await fleet.states()).toMatchObject({ a: 'rolling-back', b: 'to-roll-back' });
    await store.write('resumeRollout', { ...order, rollout: fleet.rollout });
    expect(await fleet.view()).toMatchObject({ failures_forgiven: 2 });
    await store.write('skipRolloutAgent', { ...order, rollout: fleet.rollout, agentName: 'a' });
    expect(await fleet.states()).toMatchObject({ a: 'done', b: 'done', c: 'rolled-back' });
    expect(await fleet.view()).toMatchObject({ failures_forgiven: 1 });
  });

  test('RO4, RO38: nor does one that was forgiven as failed, and is no failure any more', async () => {
    const store = opened();
    const fleet = await upgraded(store, { goesOnAfterRollBack: true });
    await judge(store, fleet, 'a', { awaySinceMs: NOW, nowMs: NOW + 10 * MINUTE });
    await fleet.step();
    await store.write('resumeRollout', { ...order, rollout: fleet.rollout });
    expect(await fleet.view()).toMatchObject({ failures_forgiven: 1 });
    await judge(store, fleet, 'a', CRASHES);
    expect(await fleet.states()).toMatchObject({ a: 'to-roll-back' });
    expect(await fleet.view()).toMatchObject({ failures_forgiven: 0 });
  });

  test('RO35, C24: nobody is ordered back in maintenance, and that is why', async () => {
    const store = opened();
    const fleet = await upgraded(store);
    await judge(store, fleet, 'a', CRASHES);
    await store.write('setMaintenance', { ...order, isOn: true, waits: false });
    await fleet.step();
    await fleet.step();
    expect(await fleet.states()).toMatchObject({ a: 'to-roll-back' });
    expect(await fleet.view()).toMatchObject({
      state: 'halted',
      waits_reason: 'coordinator-upgrading',
    });
    await store.write('setMaintenance', { ...order, isOn: false, waits: false });
    await fleet.step();
    expect(await fleet.states()).toMatchObject({ a: 'rolling-back' });
    expect(await fleet.view()).toMatchObject({ state: 'halted', waits_reason: null });
  });

  test('RO35: of many that go back at once some are ordered at a time, and the rest is not left for later', async () => {
    const store = opened();
    const names = Array.from({ length: 66 }, (_, index) => `a${index}`);
    const fleet = await Fleet.of(store, { eu: names });
    await store.write('setGroup', { ...order, group: 'eu', unavailableMax: 66 });
    await fleet.rollOut({ waves: EVERYBODY, rollBack: 'all' });
    await fleet.step();
    for (const name of names) await fleet.upgrade(name);
    const [first = ''] = names;
    await judge(store, fleet, first, CRASHES);
    await fleet.step();
    const stepping = { id: fleet.rollout, groups: null, nowMs: NOW };
    const one = await store.write('stepRollout', stepping);
    expect([one.issued.length, one.isMore]).toEqual([64, true]);
    const other = await store.write('stepRollout', stepping);
    expect([other.issued.length, other.isMore]).toEqual([1, false]);
  });

  test('RO35: whoever resumes keeps the version for those that had not failed', async () => {
    const store = opened();
    const fleet = await upgraded(store, { rollBack: 'all' });
    await judge(store, fleet, 'a', CRASHES);
    await fleet.step();
    await fleet.step();
    await store.write('resumeRollout', { ...order, rollout: fleet.rollout });
    expect(await fleet.states()).toMatchObject({ a: 'rolling-back', b: 'done' });
    expect((await fleet.waves())[0]).toMatchObject({ done: 1, to_roll_back: 0, rolling_back: 1 });
    expect(await fleet.view()).toMatchObject({ state: 'running', failures_forgiven: 1 });
    // RO36: what its upgrade lost is not taken for what it lost since.
    const done = await store.read('doneMembers', null);
    expect(done).toMatchObject([{ instanceId: fleet.id('b'), isDone: true, endedMs: order.nowMs }]);
    const lately = { rolloutId: fleet.rollout, limit: 5 };
    expect(await store.read('rolloutMembersLately', lately)).toMatchObject([{ agent_name: 'b' }]);
  });

  test('RO35: whoever cancels hears of those on their way back, and they stay what they are', async () => {
    const store = opened();
    const fleet = await upgraded(store, { rollBack: 'all' });
    await judge(store, fleet, 'a', CRASHES);
    await fleet.step();
    await fleet.step();
    await fleet.send('a');
    const { agents } = await store.write('cancelRollout', { ...order, rollout: fleet.rollout });
    expect(agents.map(({ agent, answer }) => [agent, answer])).toEqual([
      ['a', 'stopped'],
      ['b', 'stopped'],
      ['c', 'stopped'],
    ]);
    expect(await fleet.states()).toEqual({ a: 'failed', b: 'done', c: 'stopped' });
    expect(await fleet.failures()).toMatchObject({ a: 'after-commit', b: null });
  });

  test('RO35: of a rollout that is over nobody is sent to another version, whoever brought it back', async () => {
    const store = opened();
    await publish(store, [['1.5.0', '3'.repeat(64)]]);
    const fleet = await Fleet.of(store, { eu: ['a'] });
    await fleet.rollOut({ waves: EVERYBODY, rollBackTo: '1.5.0' });
    await fleet.send('a');
    const ask = { instanceId: fleet.id('a'), commandId: await fleet.commandOf('a'), attempt: 1 };
    await store.write('decidePermission', { ...ask, point: 'switch', nowMs: NOW });
    const { agents } = await store.write('cancelRollout', { ...order, rollout: fleet.rollout });
    expect(agents).toMatchObject([{ answer: 'too-late' }]);
    await fleet.finish('a', { attests: false, outcome: 'rolled-back' });
    expect(await fleet.states()).toEqual({ a: 'rolled-back' });
    expect(await fleet.failures()).toEqual({ a: 'trial' });
  });
}
