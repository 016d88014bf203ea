/* Failures of rollouts: their kinds, what is forgiven, and what those that come late may still do. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { NOW, order, publish } from './support/rows.ts';

const EVERYBODY = [{ kind: 'rest' }] as const;

export function rolloutErrorsConformance(engine: Engine): void {
  describe(`failures of rollouts on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    failing(() => store);
    comingLate(() => store);
  });
}

function failing(opened: () => Store): void {
  test('RO32: each failure is kept with its kind, until its agent is tried again', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    await fleet.rollOut({ waves: EVERYBODY, onError: 'continue' });
    for (const name of ['a', 'b']) await fleet.send(name);
    await fleet.finish('a', { attests: false, outcome: 'rolled-back' });
    await fleet.finish('b', { attests: false });
    expect(await fleet.failures()).toEqual({ a: 'trial', b: 'trial' });
    const { failures } = await store.read('rolloutView', fleet.rollout);
    expect(failures).toEqual([{ kind: 'trial', count: 2 }]);
    await store.write('retryRollout', { ...order, rollout: fleet.rollout });
    expect(await fleet.failures()).toEqual({ a: null, b: null });
  });

  test('RO4: a forgiven failure that is corrected forgives no other one', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    for (const name of ['a', 'b']) await fleet.send(name);
    await fleet.vanish('a');
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'halted', state_why: '1 failed, 0 may' });
    await store.write('resumeRollout', { ...order, rollout: fleet.rollout });
    expect(await fleet.view()).toMatchObject({ failures_forgiven: 1 });
    await fleet.finish('a', { attests: true });
    expect(await fleet.states()).toMatchObject({ a: 'done' });
    expect(await fleet.view()).toMatchObject({ failures_forgiven: 0 });
    await fleet.finish('b', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'halted' });
  });

  test('RO5: a person opens the wave that the verdict waits for, and none that is open', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c', 'd'] });
    const waves = [
      { kind: 'count', count: 1 },
      { kind: 'count', count: 2 },
      { kind: 'rest' },
    ] as const;
    await fleet.rollOut({ waves, needsApproval: true });
    const approve = () => store.write('approveRollout', { ...order, rollout: fleet.rollout });
    await expect(approve()).rejects.toMatchObject({ code: 'rollout-state' });
    await fleet.upgrade('a');
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ waits_reason: 'awaiting-approval' });
    await approve();
    await fleet.step();
    // One of the second wave waits for its turn: the wave is open, and the third is not meant either.
    await expect(approve()).rejects.toMatchObject({ code: 'rollout-state' });
    expect((await fleet.waves()).map(({ is_approved }) => is_approved)).toEqual([0, 1, 0]);
  });
}

function comingLate(opened: () => Store): void {
  test('RO5: who was parked and comes does not make its wave soak anew', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'], asia: ['c'] });
    await fleet.rollOut({ waves: [{ kind: 'count', count: 2 }, { kind: 'rest' }], soakMs: 1_000 });
    const [first = '', second = ''] = Object.keys(await fleet.states());
    await fleet.send(second, { isConnected: false });
    await fleet.upgrade(first);
    expect((await fleet.waves())[0]).toMatchObject({ last_end_ms: NOW });
    await fleet.upgrade(second, NOW + 900);
    expect((await fleet.waves())[0]).toMatchObject({ done: 2, last_end_ms: NOW });
  });

  test('RO31: of a rollout that has ended, those that come late are held once more have failed than may', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'], asia: ['c'] });
    await fleet.rollOut({ waves: EVERYBODY });
    for (const name of ['b', 'c']) await fleet.send(name, { isConnected: false });
    await fleet.upgrade('a');
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'ended', outcome: 'ended-ok' });
    await fleet.send('b');
    await fleet.finish('b', { attests: false, outcome: 'rolled-back' });
    expect(await fleet.send('c')).toBe('rollout-failed');
    expect(await fleet.states()).toEqual({ a: 'done', b: 'rolled-back', c: 'parked' });
  });
}
