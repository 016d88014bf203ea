/* Rollouts: planned, started as groups can spare agents, parked, paused, cancelled, and what becomes of each member. */
import { ARRIVING_MS, type RolloutSpec } from '@moult/core/rollout';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { NOW, order, publish } from './support/rows.ts';

const EVERYBODY: RolloutSpec['waves'] = [{ kind: 'rest' }];

export function rolloutConformance(engine: Engine): void {
  describe(`rollouts on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    going(() => store);
    stopping(() => store);
    refusing(() => store);
  });
}

function going(opened: () => Store): void {
  test('RO1, RO7: of a group one at a time, and done is what its agent has proved', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'], us: ['c'] });
    await fleet.rollOut({ waves: EVERYBODY });
    expect(await fleet.states()).toEqual({ a: 'upgrading', c: 'upgrading', b: 'waiting' });
    await fleet.step();
    expect(await fleet.states()).toMatchObject({ b: 'waiting' });
    await fleet.finish('a', { attests: true });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'done', c: 'upgrading', b: 'upgrading' });
    // It says so, and no session of it has proved the digest.
    await fleet.finish('b', { attests: false });
    await fleet.finish('c', { attests: true });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'done', b: 'failed', c: 'done' });
    expect(await fleet.view()).toMatchObject({ state: 'halted' });
  });

  test('RO1: a group spares as many as it was set to, and what is ordered by hand counts', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c', 'd'] });
    await store.write('setGroup', { ...order, group: 'eu', unavailableMax: 2 });
    const upgrade = { ...order, agentName: 'd', component: 'agent', version: '2.0.0' } as const;
    await store.write('orderUpgrade', { ...upgrade, isForced: false, key: null });
    await fleet.send('d');
    await fleet.rollOut({ waves: EVERYBODY }, ['a', 'b', 'c']);
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting', c: 'waiting' });
  });

  test('a place that became free is given away in its group alone, and a wave opens in all of them', async () => {
    const groups = { eu: ['a', 'c', 'e'], us: ['b', 'd', 'f'] };
    const fleet = await Fleet.of(opened(), groups);
    await fleet.rollOut({ waves: [{ kind: 'count', count: 4 }, { kind: 'rest' }] });
    for (const name of ['a', 'b']) await fleet.finish(name, { attests: true });
    await fleet.step(['us', 'elsewhere']);
    expect(await fleet.states()).toMatchObject({ c: 'waiting', d: 'upgrading' });
    await fleet.step();
    expect(await fleet.states()).toMatchObject({ c: 'upgrading', d: 'upgrading' });
    for (const name of ['c', 'd']) await fleet.finish(name, { attests: true });
    await fleet.step(['us']);
    expect(await fleet.states()).toMatchObject({ e: 'upgrading', f: 'upgrading' });
  });

  test('R10: who is away is parked and takes nobody’s place, and is upgraded when it comes, after the end too', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    await fleet.send('a', { isConnected: false });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'parked', b: 'upgrading' });
    await fleet.send('b');
    await fleet.finish('b', { attests: true });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'ended', outcome: 'ended-ok' });
    await fleet.send('a');
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'done' });
    await fleet.finish('a', { attests: true });
    expect(await fleet.states()).toEqual({ a: 'done', b: 'done' });
  });

  test('RO11: where the coordinator has just begun to listen, the place of who has still to come is held', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    await fleet.send('a', { isConnected: false, listeningMs: ARRIVING_MS - 1 });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting' });
    await fleet.send('a', { isConnected: false, listeningMs: ARRIVING_MS });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'parked', b: 'upgrading' });
  });

  test('R8: a failure is tried again when somebody says so, with a command of its own', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    await fleet.rollOut({ waves: EVERYBODY });
    await fleet.send('a');
    const first = await fleet.commandOf('a');
    await fleet.finish('a', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'halted', state_why: '1 failed, 0 may' });
    const asked = { ...order, rollout: fleet.rollout };
    expect((await store.write('retryRollout', asked)).agents).toEqual(['a']);
    await store.write('resumeRollout', asked);
    await fleet.step();
    expect(await fleet.commandOf('a')).not.toBe(first);
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'ended', outcome: 'ended-ok' });
  });
}

function stopping(opened: () => Store): void {
  test('RO2: nobody of a paused rollout starts, or is let to the switch', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    await fleet.send('a');
    await store.write('pauseRollout', { ...order, rollout: fleet.rollout });
    expect(await fleet.send('b')).toBe('rollout-paused');
    const commandId = await fleet.commandOf('a');
    const ask = { instanceId: fleet.id('a'), commandId, attempt: 1, nowMs: NOW };
    const answer = await store.write('decidePermission', { ...ask, point: 'switch' });
    expect(answer).toEqual({ kind: 'denied', reason: 'rollout-paused', isFinal: false });
    await store.write('resumeRollout', { ...order, rollout: fleet.rollout });
    expect(await fleet.send('b')).toBe(null);
    const again = await store.write('decidePermission', { ...ask, point: 'switch' });
    expect(again).toEqual({ kind: 'granted' });
  });

  test('RO9: test mode starts as many as it was told, pauses when they are done, and goes on when told to', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c'] });
    await fleet.rollOut({ waves: EVERYBODY, pauseAfter: 1 });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting', c: 'waiting' });
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'paused' });
    await store.write('resumeRollout', { ...order, rollout: fleet.rollout });
    await fleet.step();
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'done', b: 'upgrading', c: 'waiting' });
  });

  test('RO5: a wave soaks since an upgrade in it was over, not since somebody was skipped', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    const waves = async () => (await store.read('rolloutView', fleet.rollout)).waves;
    await store.write('skipRolloutAgent', { ...order, rollout: fleet.rollout, agentName: 'b' });
    expect(await waves()).toMatchObject([{ last_end_ms: null }]);
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    expect(await waves()).toMatchObject([{ last_end_ms: NOW }]);
  });

  test('RO2: what fails past a pause halts the rollout', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    await fleet.send('a');
    await store.write('pauseRollout', { ...order, rollout: fleet.rollout });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'paused' });
    await fleet.finish('a', { attests: false, outcome: 'rolled-back' });
    expect(await store.read('judgedRolloutIds', null)).toEqual([fleet.rollout]);
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'halted' });
    expect(await fleet.states()).toEqual({ a: 'rolled-back', b: 'waiting' });
  });

  test('RO10: whoever cancels hears of each agent whether it was stopped, too late or done', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c'], asia: ['d'] });
    await fleet.rollOut({ waves: EVERYBODY });
    for (const name of ['a', 'c', 'd']) await fleet.send(name);
    await fleet.finish('a', { attests: true });
    const commandId = await fleet.commandOf('c');
    const ask = { instanceId: fleet.id('c'), commandId, attempt: 1, nowMs: NOW };
    await store.write('decidePermission', { ...ask, point: 'switch' });
    const done = await store.write('cancelRollout', { ...order, rollout: fleet.rollout });
    expect(Object.fromEntries(done.agents.map(({ agent, answer }) => [agent, answer]))).toEqual({
      a: 'done',
      b: 'stopped',
      c: 'too-late',
      d: 'stopped',
    });
    expect(done.takenBack.map(({ agent_name: name }) => name)).toEqual(['d']);
    await fleet.finish('c', { attests: true });
    expect(await fleet.states()).toEqual({ a: 'done', b: 'stopped', c: 'done', d: 'stopped' });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'cancelled' });
  });

  test('R11: an agent is left out until its fetching starts', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    const skip = { ...order, rollout: fleet.rollout };
    await store.write('skipRolloutAgent', { ...skip, agentName: 'a' });
    await store.write('skipRolloutAgent', { ...skip, agentName: 'b' });
    expect(await fleet.states()).toEqual({ a: 'skipped', b: 'skipped' });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'ended', outcome: 'ended-ok' });
    const late = store.write('skipRolloutAgent', { ...skip, agentName: 'b' });
    await expect(late).rejects.toMatchObject({ code: 'rollout-state' });
  });
}

function refusing(opened: () => Store): void {
  test('RO8: an agent is in one rollout at a time, and the other one is named', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY }, ['a']);
    await expect(fleet.rollOut({ waves: EVERYBODY }, ['a', 'b'])).rejects.toMatchObject({
      code: 'rollout-overlaps',
      message: 'a of agent-2.0.0-2 are in the rollout agent-2.0.0',
      remedy: expect.stringContaining('moult rollouts cancel agent-2.0.0`'),
    });
  });

  test('H18: an agent that a rollout upgrades is not upgraded by hand, and the rollout is named', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    await fleet.rollOut({ waves: EVERYBODY });
    const upgrade = { ...order, agentName: 'a', component: 'agent', version: '2.0.0' } as const;
    const byHand = store.write('orderUpgrade', { ...upgrade, isForced: true, key: null });
    await expect(byHand).rejects.toMatchObject({
      code: 'rollout-owns-agent',
      message: 'a is being upgraded by the rollout agent-2.0.0',
      remedy: expect.stringContaining('moult rollouts skip agent-2.0.0 a`'),
    });
  });

  test('what cannot be a rollout is refused, and says why', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    const make = (set: Partial<RolloutSpec>) => fleet.make(set, ['a']);
    await expect(make({ waves: [] })).rejects.toMatchObject({ code: 'rollout-spec-invalid' });
    for (const set of [{ version: '9.9.9' }, { rollBackTo: '9.9.9' }]) {
      await expect(make(set)).rejects.toMatchObject({
        code: 'desired-version-invalid',
        message: 'agent 9.9.9 is not a published release',
      });
    }
    await expect(make({ version: '1.0.0' })).rejects.toMatchObject({
      code: 'rollout-empty',
      message: 'nobody would be upgraded to agent 1.0.0: 1 run it already, 0 cannot',
    });
    const paused = store.write('pauseRollout', { ...order, rollout: 'nothing' });
    await expect(paused).rejects.toMatchObject({ code: 'not-found' });
    const made = await make({});
    const early = store.write('pauseRollout', { ...order, rollout: made.id });
    await expect(early).rejects.toMatchObject({
      code: 'rollout-state',
      remedy: expect.stringContaining(`moult rollouts start ${made.name}`),
    });
  });

  test('a choice orders nothing of whom a rollout has still to do with', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    const choice = { scope: 'group', subject: 'eu', component: 'agent', version: '2.0.0' } as const;
    await store.write('choose', { ...order, ...choice });
    const wanted = { instanceIds: [fleet.id('b')], nowMs: NOW };
    expect(await store.write('issueWanted', wanted)).toEqual([]);
  });
}
