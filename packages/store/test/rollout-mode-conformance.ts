/* Rollouts beside others, and for those who come later (P3, P5). */
import type { RolloutSpec } from '@moult/core/rollout';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { enroll, NOW, order, publish, session } from './support/rows.ts';
import { makeToken } from './support/tokens.ts';

const EVERYBODY: RolloutSpec['waves'] = [{ kind: 'rest' }];

export function rolloutModeConformance(engine: Engine): void {
  describe(`ways of rolling out on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    places(() => store);
    late(() => store);
    beside(() => store);
    fetching(() => store);
    leisurely(() => store);
  });
}

/** An agent that comes after the plan; gives its id. */
async function comes(
  store: Store,
  name: string,
  { validates = true, connects = true } = {},
): Promise<string> {
  const token = await makeToken(store, { group: 'eu', validates });
  const { instanceId } = await enroll(store, { tokenId: token.id, name, publicKey: name });
  if (connects) await session(store, { instanceId, counter: 1 });
  return instanceId;
}

/** Its host has its order; that it has, was lost with its session. */
async function isCutOff(store: Store, fleet: Fleet, name: string): Promise<void> {
  await store.write('lapse', { instanceId: fleet.id(name), nowMs: NOW });
  await fleet.send(name, { isConnected: false });
}

function places(opened: () => Store): void {
  test('RO1 C12: who took its order unheard, and gave its place away, works until its group can spare it', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await fleet.rollOut({ waves: EVERYBODY });
    await fleet.send('a');
    await isCutOff(store, fleet, 'a');
    await fleet.step();
    await fleet.send('b');
    expect(await fleet.states()).toEqual({ a: 'parked', b: 'upgrading' });
    const drain = async (name: string) => {
      const ref = { instanceId: fleet.id(name), commandId: await fleet.lastCommandOf(name) };
      const ask = { ...ref, attempt: 1, nowMs: NOW, point: 'drain' } as const;
      return await store.write('decidePermission', ask);
    };
    expect(await drain('b')).toEqual({ kind: 'granted' });
    expect(await drain('a')).toEqual({ kind: 'denied', reason: 'awaiting-turn', isFinal: false });
    // It is heard of, and has a place again.
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'upgrading' });
    await fleet.finish('b', { attests: true });
    expect(await drain('a')).toEqual({ kind: 'granted' });
  });

  test('RO1: of those that a pause sent back to work, in a group that can spare fewer since, one after the other goes on', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await store.write('setGroup', { ...order, group: 'eu', unavailableMax: 2 });
    await fleet.rollOut({ waves: EVERYBODY });
    const ask = async (name: string, point: 'drain' | 'switch') => {
      const ref = { instanceId: fleet.id(name), commandId: await fleet.lastCommandOf(name) };
      const answer = await store.write('decidePermission', {
        ...{ ...ref, attempt: 1, nowMs: NOW, point },
      });
      return answer.kind === 'denied' ? answer.reason : answer.kind;
    };
    for (const name of ['a', 'b']) {
      await fleet.send(name);
      expect(await ask(name, 'drain')).toBe('granted');
    }
    await store.write('pauseRollout', { ...order, rollout: fleet.rollout });
    for (const name of ['a', 'b']) expect(await ask(name, 'switch')).toBe('rollout-paused');
    await store.write('setGroup', { ...order, group: 'eu', unavailableMax: 1 });
    await store.write('resumeRollout', { ...order, rollout: fleet.rollout });
    expect(await ask('a', 'drain')).toBe('awaiting-turn');
    expect(await ask('b', 'drain')).toBe('granted');
    expect(await ask('a', 'drain')).toBe('awaiting-turn');
    await fleet.finish('b', { attests: true });
    expect(await ask('a', 'drain')).toBe('granted');
  });
}

function late(opened: () => Store): void {
  test('RO21 P3: who comes after the start is taken along once, in the last wave, counted and in history', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'] });
    fleet.selector = 'group=eu';
    await fleet.rollOut({ takesLateJoiners: true }, ['a']);
    expect(await store.read('openToJoiners', null)).toEqual([
      { id: fleet.rollout, selector: 'group=eu' },
    ]);
    const instanceId = await comes(store, 'b');
    const asked = { rollout: fleet.rollout, instanceIds: [fleet.id('a'), instanceId] };
    expect(await store.read('strangersTo', asked)).toEqual([instanceId]);
    const join = { rollout: fleet.rollout, instanceId, isConnected: true, nowMs: NOW };
    expect(await store.write('joinRollout', join)).toBe(true);
    expect(await store.write('joinRollout', join)).toBe(false);
    expect(await store.read('strangersTo', asked)).toEqual([]);
    const { waves } = await store.read('rolloutView', fleet.rollout);
    expect(waves).toMatchObject([{ upgrading: 1 }, { wave: 1, waiting: 1 }]);
    const page = { agent: null, before: null, after: null, limit: 100 };
    const entries = await store.read('historyPage', page);
    expect(entries.filter(({ kind }) => kind === 'rollout-joined')).toHaveLength(1);
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'done', b: 'upgrading' });
  });

  test('P3: who cannot be taken along is not: unvalidated, silent so far, there already, or of another rollout', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['other'] });
    await fleet.rollOut({ waves: EVERYBODY }, ['other']);
    fleet.selector = 'agent=*';
    await fleet.rollOut({ takesLateJoiners: true }, ['a']);
    const joins = async (instanceId: string) =>
      store.write('joinRollout', {
        ...{ rollout: fleet.rollout, instanceId, isConnected: true, nowMs: NOW },
      });
    expect(await joins(await comes(store, 'new', { validates: false }))).toBe(false);
    const silent = await comes(store, 'silent', { connects: false });
    expect(await joins(silent)).toBe(false);
    expect(await joins(fleet.id('other'))).toBe(false);
    await session(store, { instanceId: silent, counter: 1 });
    await store.write('pauseRollout', { ...order, rollout: fleet.rollout });
    expect(await joins(silent)).toBe(true);
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'upgrading', silent: 'waiting' });
    await store.write('cancelRollout', { ...order, rollout: fleet.rollout });
    expect(await joins(await comes(store, 'too-late'))).toBe(false);
    expect(await store.read('openToJoiners', null)).toEqual([]);
  });

  test('P3: a rollout for agents by name takes nobody along, and says so', async () => {
    const fleet = await Fleet.of(opened(), { eu: ['a'] });
    await expect(fleet.make({ takesLateJoiners: true })).rejects.toMatchObject({
      code: 'rollout-spec-invalid',
    });
  });
}

function beside(opened: () => Store): void {
  test('RO22: of two that want a place of a group the higher one has it first, whoever is looked at first', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c', 'd'], us: ['e'] });
    await fleet.rollOut({ waves: EVERYBODY, priority: -1 }, ['a', 'b', 'e']);
    const low = fleet.rollout;
    await fleet.rollOut({ waves: EVERYBODY }, ['c', 'd']);
    const high = fleet.rollout;
    expect(await store.read('judgedRolloutIds', null)).toEqual([high, low]);
    expect(await fleet.states()).toEqual({ c: 'waiting', d: 'waiting' });
    fleet.rollout = low;
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'waiting', e: 'upgrading' });
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    await fleet.step();
    expect(await fleet.states()).toEqual({ a: 'done', b: 'waiting', e: 'upgrading' });
    expect(await fleet.view()).toMatchObject({ waits_reason: 'awaiting-turn' });
    fleet.rollout = high;
    await fleet.step();
    expect(await fleet.states()).toEqual({ c: 'upgrading', d: 'waiting' });
  });

  test('RO22: one that starts nobody for now keeps no place from others', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c'] });
    await fleet.rollOut({ soakMs: 60_000, priority: 5 }, ['a', 'b']);
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ waits_reason: 'awaiting-soak' });
    await fleet.rollOut({ waves: EVERYBODY }, ['c']);
    expect(await fleet.states()).toEqual({ c: 'upgrading' });
  });
}

function fetching(opened: () => Store): void {
  const FETCHES = { waves: EVERYBODY, pace: 'fetch-only' } as const;

  test('RO7 RO23: one that only fetches takes no place of a group, is done when all is staged, and gives nothing', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c'] });
    await fleet.rollOut(FETCHES, ['a', 'b']);
    const fetches = fleet.rollout;
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'upgrading' });
    expect(await fleet.send('a')).toBe(null);
    expect(await fleet.send('b')).toBe(null);
    await fleet.rollOut({ waves: EVERYBODY }, ['c']);
    expect(await fleet.send('c')).toBe(null);
    fleet.rollout = fetches;
    await fleet.finish('a', { attests: false, outcome: 'staged' });
    await fleet.finish('b', { attests: false, outcome: 'failed' });
    expect(await fleet.states()).toEqual({ a: 'done', b: 'failed' });
    const [command] = await store.read('commandPage', {
      ...{ agent: 'a', state: 'ended', before: null, limit: 1 },
    });
    expect(command).toMatchObject({ state: 'succeeded', outcome: 'staged' });
    const view = await store.read('agentByName', 'a');
    expect(view?.components[0]).toMatchObject({ given_version: null });
    expect(await store.write('issueWanted', { instanceIds: [fleet.id('a')], nowMs: NOW })).toEqual(
      [],
    );
  });

  test('RO23: it fetches on 50 hosts at a time', async () => {
    const names = Array.from({ length: 52 }, (_, index) => `n${index}`);
    const fleet = await Fleet.of(opened(), { eu: names });
    await fleet.rollOut(FETCHES);
    // The first of a wave go out before all of it is written.
    for (let step = 0; step < 3; step++) await fleet.step();
    const started = Object.values(await fleet.states()).filter((state) => state === 'upgrading');
    expect(started).toHaveLength(50);
  });

  test('C25: an agent that is only to fetch is let to nothing, and one that knows no such order gets none', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'old'] });
    await session(store, {
      instanceId: fleet.id('old'),
      counter: 2,
      capabilities: ['auto-upgrade'],
    });
    await fleet.rollOut(FETCHES);
    expect(await fleet.states()).toEqual({ a: 'upgrading' });
    expect(JSON.parse((await fleet.view()).cannot)).toEqual([
      { agent: 'old', reason: 'pace-unknown' },
    ]);
    await fleet.send('a');
    const ask = { instanceId: fleet.id('a'), commandId: await fleet.commandOf('a'), attempt: 1 };
    for (const point of ['drain', 'switch'] as const) {
      const answer = await store.write('decidePermission', { ...ask, nowMs: NOW, point });
      expect(answer).toEqual({ kind: 'denied', reason: 'fetch-only', isFinal: true });
    }
    const byHand = { ...order, component: 'agent', version: '2.0.0', pace: 'fetch-only' } as const;
    await store.write('orderUpgrade', { ...byHand, agentName: 'old', isForced: true, key: null });
    expect(await fleet.send('old')).toBe('pace-unknown');
  });

  test('P5: what is only fetched is no version that an agent should run', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await fleet.rollOut(FETCHES, ['a']);
    const byHand = { ...order, component: 'agent', version: '2.0.0', pace: 'fetch-only' } as const;
    await store.write('orderUpgrade', { ...byHand, agentName: 'b', isForced: false, key: null });
    for (const agentName of ['a', 'b']) {
      const subject = { instanceId: fleet.id(agentName), agentName, group: 'eu', row: null };
      const asked = { ...subject, component: 'agent' } as const;
      expect((await store.read('desiredOf', asked)).desired).toBeNull();
      const all = { component: 'agent', subjects: [subject] } as const;
      expect((await store.read('desiredOfAll', all))[0]?.desired).toBeNull();
    }
  });
}

function leisurely(opened: () => Store): void {
  const SOFT = { waves: EVERYBODY, pace: 'soft' } as const;

  test('RO24: a soft one takes its place when it may drain, and gives it back while its host is busy', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'] });
    await fleet.rollOut(SOFT);
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'upgrading' });
    const ids = new Map<string, string>();
    for (const name of ['a', 'b']) {
      expect(await fleet.send(name)).toBe(null);
      ids.set(name, await fleet.commandOf(name));
    }
    const of = (name: string) => {
      const commandId = ids.get(name) ?? '';
      return { instanceId: fleet.id(name), commandId, attempt: 1, nowMs: NOW };
    };
    const asks = (name: string, point: 'drain' | 'switch' = 'drain') =>
      store.write('decidePermission', { ...of(name), point });
    const waits = (name: string, hostHoldReason: string | null) => {
      const step = { step: 'rehearsed', bytesDone: 0, bytesTotal: 0, hostHoldReason };
      return store.write('recordProgress', { ...of(name), ...step });
    };
    await waits('a', 'busy');
    expect(await fleet.states()).toEqual({ a: 'parked', b: 'upgrading' });
    expect(await asks('b')).toEqual({ kind: 'granted' });
    await waits('a', null);
    expect(await fleet.states()).toEqual({ a: 'upgrading', b: 'upgrading' });
    const denied = { kind: 'denied', reason: 'awaiting-turn', isFinal: false };
    expect(await asks('a')).toEqual(denied);
    // A task began on it before its answer came.
    await waits('b', 'busy');
    expect(await asks('a')).toEqual({ kind: 'granted' });
    expect(await asks('a', 'switch')).toEqual({ kind: 'granted' });
    expect(await asks('b')).toEqual(denied);
    await fleet.finish('a', { attests: true });
    expect(await asks('b')).toEqual({ kind: 'granted' });
    expect(await fleet.states()).toEqual({ a: 'done', b: 'upgrading' });
  });

  test('RO24: one that waits for its host holds up nobody of its group, and is upgraded after the end too', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c'] });
    await fleet.rollOut(SOFT, ['a', 'b']);
    const soft = fleet.rollout;
    await fleet.send('a');
    const a = { instanceId: fleet.id('a'), commandId: await fleet.commandOf('a'), attempt: 1 };
    const step = { step: 'rehearsed', bytesDone: 0, bytesTotal: 0, hostHoldReason: 'busy' };
    await store.write('recordProgress', { ...a, ...step, nowMs: NOW });
    await fleet.rollOut({ waves: EVERYBODY }, ['c']);
    expect(await fleet.send('c')).toBe(null);
    fleet.rollout = soft;
    await fleet.send('b');
    await fleet.finish('b', { attests: true });
    await fleet.step();
    expect(await fleet.view()).toMatchObject({ state: 'ended', outcome: 'ended-ok' });
    await fleet.finish('a', { attests: true });
    expect(await fleet.states()).toEqual({ a: 'done', b: 'done' });
  });
}
