/* Maintenance of the coordinator: upgrades of agents are held meanwhile, and after a start with another version. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { NOW, order, ordered, publish } from './support/rows.ts';

export function maintenanceConformance(engine: Engine): void {
  describe(`maintenance on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    ordering(() => store);
    settling(() => store);
  });
}

const set = (store: Store, isOn: boolean, waits = false) =>
  store.write('setMaintenance', { ...order, isOn, waits });

function ordering(opened: () => Store): void {
  test('C24: in maintenance no upgrade is sent, and no agent of a rollout starts; after it all go on', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c'] });
    await set(store, true);
    await fleet.rollOut({ waves: [{ kind: 'rest' }] }, ['a', 'b']);
    expect(await fleet.states()).toEqual({ a: 'waiting', b: 'waiting' });
    expect(await fleet.view()).toMatchObject({ waits_reason: 'coordinator-upgrading' });
    await ordered(store, 'c');
    expect(await fleet.send('c')).toBe('coordinator-upgrading');
    await set(store, false);
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting' });
    expect(await fleet.send('c')).toBe(null);
  });

  test('C24: it is refused while agents are upgrading, naming them; whoever waits for them lets nobody else start', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    await ordered(store, 'a');
    await fleet.send('a');
    await expect(set(store, true)).rejects.toMatchObject({
      code: 'agents-in-flight',
      message: 'a is upgrading',
    });
    expect(await store.read('maintenance', { nowMs: NOW })).toMatchObject({ ordered: null });
    await set(store, true, true);
    await ordered(store, 'b');
    expect(await fleet.send('b')).toBe('coordinator-upgrading');
    expect(await fleet.permission('a')).toEqual({ kind: 'granted' });
    expect(await store.read('maintenance', { nowMs: NOW })).toMatchObject({
      ordered: { by: 'ann', why: 'because' },
      inFlight: [{ agentName: 'a', version: '2.0.0' }],
    });
    await fleet.finish('a', { attests: true });
    expect(await store.read('maintenance', { nowMs: NOW })).toMatchObject({ inFlightCount: 0 });
  });

  test('C24: who began and ended it, and why, is history; again is no error and nothing new', async () => {
    const store = opened();
    for (const isOn of [true, true, false, false]) await set(store, isOn);
    const page = { agent: null, before: null, after: null, limit: 100 };
    const kinds = (await store.read('historyPage', page)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind.startsWith('maintenance'))).toEqual([
      'maintenance-ended',
      'maintenance-began',
    ]);
  });
}

function settling(opened: () => Store): void {
  const begin = (store: Store, version: string, nowMs = NOW) =>
    store.write('beginRun', { version, nowMs });

  test('C24: another version of the coordinator sends no upgrade until those in flight have come', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    await begin(store, '1.0.0');
    await ordered(store, 'a');
    await fleet.send('a');
    await begin(store, '1.0.0');
    expect(await store.read('maintenance', { nowMs: NOW })).toMatchObject({
      settlingSinceMs: null,
    });
    await begin(store, '1.1.0');
    await ordered(store, 'b');
    expect(await fleet.send('b')).toBe('coordinator-upgrading');
    await store.write('touchSeen', { instanceIds: [fleet.id('a')], nowMs: NOW + 1 });
    expect(await fleet.send('b')).toBe(null);
  });

  test('C24: it waits for those no longer than ten minutes, and not once a person has ended it', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    await begin(store, '1.0.0');
    await ordered(store, 'a');
    await fleet.send('a');
    await begin(store, '1.1.0');
    const after = (ms: number) => store.read('maintenance', { nowMs: NOW + ms });
    expect(await after(599_999)).toMatchObject({ settlingSinceMs: NOW });
    expect(await after(600_000)).toMatchObject({ settlingSinceMs: null });
    await set(store, false);
    expect(await after(1)).toMatchObject({ settlingSinceMs: null });
  });
}
