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
    overrunning(() => store);
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

const MINUTE = 60_000;

function overrunning(opened: () => Store): void {
  test('RO33: who is too slow before its switch is taken back, and is a failure', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    await fleet.send('a');
    await fleet.progress('a', 'fetching');
    expect((await fleet.look('a', NOW + 59 * MINUTE)).takenBack).toEqual([]);
    const { takenBack, group } = await fleet.look('a', NOW + 60 * MINUTE);
    expect(group).toBe('eu');
    expect(takenBack).toMatchObject([
      {
        state: 'revoked',
        code: 'deadline-passed',
        message: 'fetching has taken 60 min, 60 are given',
      },
    ]);
    const answer = await fleet.permission('a', takenBack[0]?.id);
    expect(answer).toEqual({ kind: 'denied', reason: 'revoked', isFinal: true });
    expect(await fleet.failures()).toEqual({ a: 'deadline', b: null });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'halted' });
  });

  test('RO33: not where others took as long', async () => {
    const others = ['b', 'c', 'd', 'e', 'f'];
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', ...others] });
    await store.write('setGroup', { ...order, group: 'eu', unavailableMax: 6 });
    await fleet.rollOut({ waves: EVERYBODY });
    const steps = [
      { step: 'fetching', startedMs: 0 },
      { step: 'staged', startedMs: 20 * MINUTE },
    ];
    for (const name of others) {
      await fleet.send(name);
      await fleet.finish(name, { attests: true, steps });
    }
    await fleet.send('a');
    await fleet.progress('a', 'fetching');
    expect((await fleet.look('a', NOW + 79 * MINUTE)).takenBack).toEqual([]);
    expect((await fleet.look('a', NOW + 80 * MINUTE)).takenBack).toHaveLength(1);
  });

  test('RO33: who does not come back from its switch vanished, keeps nobody’s place, and is done when it proves it', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY, failuresAllowed: { kind: 'count', max: 1 } });
    await fleet.send('a');
    await fleet.vanish('a');
    expect(await fleet.failures()).toEqual({ a: 'vanished', b: null });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'failed', b: 'upgrading' });
    expect(await fleet.send('b')).toBe(null);
    await fleet.finish('a', { attests: true });
    expect(await fleet.states()).toEqual({ a: 'done', b: 'upgrading' });
    expect(await fleet.failures()).toEqual({ a: null, b: null });
  });

  test('RO33: who is there and too slow past its switch fails, and is done when it says so', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    await fleet.send('a');
    await fleet.progress('a', 'probation');
    await fleet.permission('a');
    const { takenBack } = await fleet.look('a', NOW + 90 * MINUTE);
    // There is nothing to take back: it goes on.
    expect(takenBack).toEqual([]);
    expect(await fleet.failures()).toEqual({ a: 'deadline', b: null });
    await fleet.finish('a', { attests: true });
    expect(await fleet.states()).toMatchObject({ a: 'done' });
  });

  test('RO33: a step is what the report says, and who waits for our word has no deadline', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'], us: ['b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    for (const name of ['a', 'b']) {
      await fleet.send(name);
      await fleet.progress(name, 'fetching');
    }
    await fleet.reportsStep('a', 'rehearsed', NOW + MINUTE);
    await fleet.reportsStep('b', 'switching', NOW + 45 * MINUTE);
    for (const name of ['a', 'b']) await fleet.look(name, NOW + 54 * MINUTE);
    expect(await fleet.failures()).toEqual({ a: null, b: null });
    await fleet.permission('b');
    for (const name of ['a', 'b']) await fleet.look(name, NOW + 55 * MINUTE);
    expect(await fleet.failures()).toEqual({ a: null, b: 'deadline' });
    await fleet.look('a', NOW + 600 * MINUTE);
    expect(await fleet.failures()).toMatchObject({ a: null });
  });

  test('RO34: who goes away before its switch is parked, and is ordered anew when it comes', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    await fleet.send('a');
    await fleet.progress('a', 'fetching');
    const first = await fleet.commandOf('a');
    await fleet.send('a', { isConnected: false, nowMs: NOW + 9 * MINUTE });
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting' });
    await fleet.send('a', { isConnected: false, nowMs: NOW + 10 * MINUTE });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'parked', b: 'upgrading' });
    await fleet.send('b');
    // RO1: it comes, and its turn is another's.
    expect(await fleet.send('a')).toBe('awaiting-turn');
    const answer = await fleet.permission('a', first);
    expect(answer).toEqual({ kind: 'denied', reason: 'revoked', isFinal: true });
    await fleet.finish('b', { attests: true });
    await fleet.upgrade('a');
    expect(await fleet.states()).toEqual({ a: 'done', b: 'done' });
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

  test('RO31: one that has its order already is denied, and its order says why', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'], asia: ['c'] });
    await fleet.rollOut({ waves: EVERYBODY });
    for (const name of ['b', 'c']) await fleet.send(name, { isConnected: false });
    await fleet.upgrade('a');
    await fleet.step();
    for (const name of ['b', 'c']) await fleet.send(name);
    await fleet.finish('b', { attests: false, outcome: 'rolled-back' });
    const answer = await fleet.permission('c');
    expect(answer).toEqual({ kind: 'denied', reason: 'rollout-failed', isFinal: false });
    const command = await store.read('commandById', await fleet.commandOf('c'));
    expect(command).toMatchObject({ hold_reason: 'rollout-failed' });
  });
}
