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

    late(() => store);
    beside(() => store);
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
