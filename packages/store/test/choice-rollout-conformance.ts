/* Choices that make rollouts: who is in them, what gives way to a newer one, and how those come along that were not (R15). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { choose, issue } from './support/choosing.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { NOW, order, publish } from './support/rows.ts';

const D3 = '3'.repeat(64);

export function choiceRolloutConformance(engine: Engine): void {
  describe(`rollouts of choices on ${engine.name}`, () => {
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

    making(() => store);
    givingWay(() => store);
    comingLater(() => store);
    following(() => store);
  });
}

function making(opened: () => Store): void {
  test('RO51: a choice makes a rollout of those whom it concerns and who do not run it, and starts it: a canary, then the rest', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c', 'd'] });
    await choose(store, fleet, 'us', '1.0.0');
    expect(await choose(store, fleet, null, '2.0.0')).toBe('fleet-agent-2.0.0');
    expect(await fleet.view()).toMatchObject({
      ...{ state: 'running', origin: 'choice', started_by: 'ann', why: 'because' },
    });
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting' });
    // And nobody by a command beside it.
    expect(await issue(store, fleet)).toEqual([]);
  });

  test('RO51: a bad release stops at the canary, and is not tried again there by itself', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await choose(store, fleet, 'eu', '2.0.0');
    await fleet.send('a');
    await fleet.finish('a', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'halted', name: 'eu-agent-2.0.0' });
    expect(await fleet.states()).toMatchObject({ b: 'waiting' });
    expect(await issue(store, fleet)).toEqual([]);
  });

  test('RO51: by the settings of the group or the fleet, also whether it starts by itself', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    const set = { ...order, group: 'eu' };
    await store.write('changeSetting', { ...set, key: 'rollout.waves', value: 'rest' });
    await store.write('changeSetting', { ...set, key: 'choice.starts', value: 'no' });
    await choose(store, fleet, 'eu', '2.0.0');
    expect(await fleet.view()).toMatchObject({ state: 'pending' });
    expect(await fleet.states()).toEqual({ a: 'waiting', b: 'waiting' });
    expect(await issue(store, fleet)).toEqual([]);
    await store.write('startRollout', { ...order, rollout: fleet.rollout });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting' });
  });

  test('RO42, RO51: where one of its groups asks for a second principal, the fleet’s waits for one', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    const yes = { ...order, group: 'eu', key: 'rollout.second-principal', value: 'yes' };
    await store.write('changeSetting', yes);
    expect(await choose(store, fleet, null, '2.0.0')).toBe('fleet-agent-2.0.0');
    expect(await fleet.view()).toMatchObject({ state: 'pending' });
    await store.write('approveRollout', { ...order, principal: 'bob', rollout: fleet.rollout });
    const start = store.write('startRollout', { ...order, rollout: fleet.rollout });
    expect(await start).toMatchObject({ state: 'running' });
  });

  test('RO51: where settings say so a choice orders, as for one agent; who runs it is asked for nothing', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    expect(await choose(store, fleet, 'eu', '1.0.0')).toBe(null);
    expect(await choose(store, fleet, 'agent a', '2.0.0')).toBe(null);
    expect(await fleet.commandOf('a')).not.toBe('');
    const no = { ...order, group: null, key: 'choice.rolls-out', value: 'no' };
    await store.write('changeSetting', no);
    expect(await choose(store, fleet, 'eu', '2.0.0')).toBe(null);
    expect(await fleet.commandOf('b')).not.toBe('');
  });

  test('RO51: who could begin now is the canary, and who is away comes last', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await store.write('chooseForMany', {
      ...order,
      ...{ scope: 'group', subject: 'eu', component: 'agent', version: '2.0.0' },
      connected: [fleet.id('b')],
    });
    const [newest] = await store.read('rolloutPage', { state: null, before: null, limit: 1 });
    fleet.rollout = newest?.row.id ?? '';
    await fleet.step();
    expect(await fleet.states()).toEqual({ b: 'upgrading', a: 'waiting' });
  });
}

function givingWay(opened: () => Store): void {
  test('RO52: a newer choice ends the rollout of the one before, but for whom its host has begun with', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c'] });
    await choose(store, fleet, null, '2.0.0');
    const first = fleet.rollout;
    await fleet.send('a');
    await fleet.accept('a');
    expect(await choose(store, fleet, null, '3.0.0')).toBe('fleet-agent-3.0.0');
    const second = fleet.rollout;
    expect(await fleet.states()).toMatchObject({ a: 'waiting', c: 'waiting' });
    fleet.rollout = first;
    expect(await fleet.view()).toMatchObject({
      state: 'cancelled',
      state_why: 'another version was chosen',
    });
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'stopped', c: 'stopped' });
    await fleet.finish('a', { attests: true });
    expect(await fleet.states()).toMatchObject({ a: 'done' });
    fleet.rollout = second;
    await fleet.step();
    expect(Object.values(await fleet.states()).sort()).toEqual(['upgrading', 'waiting', 'waiting']);
  });

  test('RO10, RO52: who goes away before its switch while its rollout has given way is ordered nothing of it anew, and keeps its newer order', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    await store.write('setGroup', { ...order, group: 'eu', unavailableMax: 2 });
    await choose(store, fleet, null, '2.0.0');
    const first = fleet.rollout;
    await fleet.send('a');
    await fleet.progress('a', 'fetching');
    await choose(store, fleet, null, '3.0.0');
    const second = fleet.rollout;
    // It waits behind what the host has.
    const newer = await fleet.lastCommandOf('a');
    await fleet.send('a', { isConnected: false, nowMs: NOW + 600_000 });
    fleet.rollout = first;
    expect(await fleet.view()).toMatchObject({ state: 'cancelled' });
    expect(await fleet.states()).toMatchObject({ a: 'stopped' });
    expect(await fleet.commandOf('a')).toBe(newer);
    fleet.rollout = second;
    await fleet.send('a', { nowMs: NOW + 600_000 });
    expect(await fleet.states()).toMatchObject({ a: 'upgrading' });
    expect(await store.read('commandById', newer)).toMatchObject({
      ...{ state: 'sent', version: '3.0.0' },
    });
  });

  test('RO52: so it is where the rollout goes on with others', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    await choose(store, fleet, null, '2.0.0');
    await fleet.send('a');
    await fleet.progress('a', 'fetching');
    expect(await choose(store, fleet, 'eu', '3.0.0')).toBe(null);
    await fleet.send('a', { isConnected: false, nowMs: NOW + 600_000 });
    expect(await fleet.view()).toMatchObject({ state: 'running' });
    expect(await fleet.states()).toEqual({ a: 'stopped', b: 'waiting' });
    expect(await issue(store, fleet)).toEqual(['a 3.0.0']);
  });

  test('RO52: a nearer choice takes its agents out of the fleet’s rollout, which goes on with the others', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c', 'd'] });
    await choose(store, fleet, null, '2.0.0');
    const all = fleet.rollout;
    await choose(store, fleet, 'us', '3.0.0');
    expect(await fleet.states()).toEqual({ c: 'upgrading', d: 'waiting' });
    await choose(store, fleet, 'agent b', '1.0.0');
    fleet.rollout = all;
    expect(await fleet.view()).toMatchObject({ state: 'running' });
    expect(await fleet.states()).toMatchObject({ c: 'stopped', d: 'stopped', b: 'stopped' });
    expect(await fleet.states()).toMatchObject({ a: 'upgrading' });
  });

  test('RO52: a choice that is taken back brings its group to what the fleet’s says; where there is none, it ends what it had made', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await choose(store, fleet, null, '2.0.0');
    const first = fleet.rollout;
    await choose(store, fleet, 'eu', '1.0.0');
    expect(await choose(store, fleet, 'eu', null)).toBe('eu-agent-2.0.0');
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting' });
    await choose(store, fleet, null, null);
    // The group has no choice of its own any more: the fleet's concerns its agents.
    expect(await fleet.view()).toMatchObject({ state: 'cancelled' });
    fleet.rollout = first;
    expect(await fleet.view()).toMatchObject({ state: 'cancelled' });
    expect(await fleet.commandOf('a')).toBe('');
  });

  test('RO53: whom a person’s rollout is working on stays there; a choice is made all the same, and they follow', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await fleet.rollOut({}, ['a']);
    const theirs = fleet.rollout;
    await choose(store, fleet, null, '3.0.0');
    const ours = fleet.rollout;
    // One of their group at a time.
    expect(await fleet.states()).toEqual({ b: 'waiting' });
    fleet.rollout = theirs;
    expect(await fleet.states()).toEqual({ a: 'upgrading' });
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'ended' });
    fleet.rollout = ours;
    expect(await issue(store, fleet)).toEqual([]);
    expect(await fleet.states()).toEqual({ a: 'waiting', b: 'waiting' });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'waiting', b: 'upgrading' });
  });
}

function comingLater(opened: () => Store): void {
  test('RO54: who comes while the rollout runs is taken along in its last wave', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await choose(store, fleet, 'eu', '2.0.0');
    await fleet.enroll('c', 'eu');
    expect(await issue(store, fleet)).toEqual([]);
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting', c: 'waiting' });
    await issue(store, fleet);
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting', c: 'waiting' });
  });

  test('RO54: who comes after it has ended has a command, one of a group at a time; one that failed in it has none', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    const set = { ...order, group: null };
    await store.write('changeSetting', { ...set, key: 'rollout.on-error', value: 'continue' });
    await choose(store, fleet, 'eu', '2.0.0');
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    await fleet.step();
    await fleet.send('b');
    await fleet.finish('b', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'ended', outcome: 'ended-not-ok' });
    await fleet.enroll('c', 'eu');
    expect(await fleet.commandOf('c')).not.toBe('');
    expect(await issue(store, fleet)).toEqual([]);
    expect(await fleet.commandOf('b')).toBe('');
  });

  test('RO54: an agent whose own choice is taken back has its place in the fleet’s rollout again, also where that has halted', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await choose(store, fleet, null, '2.0.0');
    const all = fleet.rollout;
    await choose(store, fleet, 'agent b', '1.0.0');
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'stopped' });
    await fleet.send('a');
    await fleet.finish('a', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'halted' });
    await choose(store, fleet, 'agent b', null);
    fleet.rollout = all;
    expect(await fleet.states()).toMatchObject({ b: 'waiting' });
    expect(await fleet.commandOf('b')).toBe('');
  });

  test('RO54: what gave way to a choice that is taken back was cancelled by nobody: agents have commands for what holds again', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await choose(store, fleet, null, '2.0.0');
    const first = fleet.rollout;
    await choose(store, fleet, 'eu', '3.0.0');
    fleet.rollout = first;
    expect(await fleet.view()).toMatchObject({ state: 'cancelled', outcome: 'superseded' });
    const no = { ...order, group: null, key: 'choice.rolls-out', value: 'no' };
    await store.write('changeSetting', no);
    expect(await choose(store, fleet, 'eu', null)).toBe(null);
    await fleet.enroll('c', 'eu');
    for (const name of ['a', 'b', 'c']) expect(await fleet.commandOf(name)).not.toBe('');
  });

  test('RO54: of a rollout that was cancelled nobody follows, and of one that was halted nobody starts', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await choose(store, fleet, 'eu', '2.0.0');
    await fleet.send('a');
    await fleet.finish('a', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    await fleet.enroll('c', 'eu');
    expect(await issue(store, fleet)).toEqual([]);
    await fleet.step();
    expect(await fleet.states()).toMatchObject({ b: 'waiting', c: 'waiting' });
    await store.write('cancelRollout', { ...order, rollout: fleet.rollout });
    await fleet.enroll('d', 'eu');
    expect(await issue(store, fleet)).toEqual([]);
  });
}

function following(opened: () => Store): void {
  const follow = (store: Store, fleet: Fleet, version: string) =>
    store.write('followCoordinator', { version, connected: fleet.ids(), nowMs: NOW });

  test('RO55: the fleet goes to the release of the coordinator’s own version, once it is published, and to that of the next', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    expect(await follow(store, fleet, '9.0.0')).toBe(null);
    const made = await follow(store, fleet, '2.0.0');
    expect(made?.rollout).toMatchObject({ state: 'running', origin: 'choice', version: '2.0.0' });
    expect(made?.rollout?.started_by).toBe('coordinator');
    expect(await follow(store, fleet, '2.0.0')).toBe(null);
    const next = await follow(store, fleet, '3.0.0');
    expect(next?.rollout).toMatchObject({ state: 'running', version: '3.0.0' });
    // A coordinator that was taken back.
    const back = await follow(store, fleet, '2.0.0');
    expect(back?.rollout).toMatchObject({ state: 'running', version: '2.0.0' });
  });

  test('RO55: not where a person has chosen, until that is taken back; not in maintenance, nor where settings say so', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await choose(store, fleet, null, '1.0.0');
    expect(await follow(store, fleet, '2.0.0')).toBe(null);
    await choose(store, fleet, null, null);
    await store.write('setMaintenance', { ...order, isOn: true, waits: false });
    expect(await follow(store, fleet, '2.0.0')).toBe(null);
    await store.write('setMaintenance', { ...order, isOn: false, waits: false });
    const setting = { ...order, group: null, key: 'choice.follows-coordinator' };
    await store.write('changeSetting', { ...setting, value: 'no' });
    expect(await follow(store, fleet, '2.0.0')).toBe(null);
    await store.write('changeSetting', { ...setting, value: null });
    expect(await follow(store, fleet, '2.0.0')).not.toBe(null);
  });
}
