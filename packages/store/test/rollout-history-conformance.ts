/* What is kept of rollouts, and how it is found again (R18). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../src/index.ts';
import type { Engine } from './conformance.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { order, publish } from './support/rows.ts';

const ALL = { agent: null, before: null, after: null, limit: 100 };
const REST = [{ kind: 'rest' }] as const;

export function rolloutHistoryConformance(engine: Engine): void {
  describe(`history of rollouts on ${engine.name}`, () => {
    let store: Store;
    let dispose: () => Promise<void>;
    beforeEach(async () => {
      const opened = await engine.open();
      store = opened.store;
      dispose = () => opened.dispose();
      await publish(store);
    });
    afterEach(() => dispose());

    finding(() => store);
    reporting(() => store);
  });
}

function finding(opened: () => Store): void {
  test('all that happened to a rollout and to its agents is found by it, and nothing else is', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b'], us: ['c'] });
    const upgrade = { ...order, agentName: 'c', component: 'agent', version: '2.0.0' } as const;
    await store.write('orderUpgrade', { ...upgrade, isForced: false, key: null });
    await fleet.rollOut({ waves: REST }, ['a', 'b']);
    const skip = { ...order, rollout: fleet.rollout, agentName: 'b', why: 'under repair' };
    await store.write('skipRolloutAgent', skip);
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    await fleet.step();
    const page = { ...ALL, rolloutId: fleet.rollout };
    const entries = await store.read('historyPage', page);
    const kinds = entries.map(({ kind }) => kind).reverse();
    expect(kinds.slice(0, 4)).toEqual([
      'rollout-pending',
      'rollout-running',
      'command-queued',
      'rollout-agent-skipped',
    ]);
    expect(kinds).toContain('command-succeeded');
    expect(kinds.at(-1)).toBe('rollout-ended');
    const skipped = entries.find(({ kind }) => kind === 'rollout-agent-skipped');
    expect(skipped).toMatchObject({
      ...{ agent_name: 'b', principal: order.principal, why: 'under repair' },
    });
    expect(entries.every(({ agent_name: name }) => name !== 'c')).toBe(true);
    const ofA = await store.read('historyPage', { ...page, agent: 'a' });
    expect(new Set(ofA.map(({ agent_name: name }) => name))).toEqual(new Set(['a']));
    const other = await store.read('historyPage', { ...ALL, rolloutId: 'another' });
    expect(other).toEqual([]);
  });

  test('attempts of a rollout are found by it, also those that were tried again', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b'] });
    const upgrade = { ...order, agentName: 'b', component: 'agent', version: '2.0.0' } as const;
    await store.write('orderUpgrade', { ...upgrade, isForced: false, key: null });
    await fleet.send('b');
    await fleet.finish('b', { attests: true });
    await fleet.rollOut({ waves: REST }, ['a']);
    await fleet.send('a');
    await fleet.finish('a', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    const again = { ...order, rollout: fleet.rollout };
    await store.write('retryRollout', again);
    await store.write('resumeRollout', again);
    await fleet.step();
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    const page = { agent: null, commandId: null, before: null, limit: 100 };
    const attempts = await store.read('attemptPage', { ...page, rolloutId: fleet.rollout });
    // Ordered in the same moment.
    expect(attempts.map((row) => `${row.agent_name} ${row.outcome}`).sort()).toEqual([
      'a rolled-back',
      'a succeeded',
    ]);
    const ofB = { ...page, agent: 'b', rolloutId: fleet.rollout };
    expect(await store.read('attemptPage', ofB)).toEqual([]);
  });
}

function reporting(opened: () => Store): void {
  test('R23: those that have not finished are counted with their like, and the first are named', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], us: ['h'] });
    await fleet.rollOut({ waves: REST, failuresAllowed: { kind: 'count', max: 3 } });
    await fleet.send('a', { isConnected: false });
    await fleet.send('h');
    await fleet.finish('h', { attests: false, outcome: 'rolled-back' });
    await fleet.step();
    const members = await store.read('unfinishedMembers', fleet.rollout);
    const told = members.map((alike) => {
      const { state, holdReason, count, some } = alike;
      return [state, holdReason, count, some.map(({ agent }) => agent).join()];
    });
    expect(told.sort()).toEqual([
      ['parked', 'agent-down', 1, 'a'],
      ['rolled-back', null, 1, 'h'],
      ['upgrading', null, 1, 'b'],
      ['waiting', null, 5, 'c,d,e,f,g'],
    ]);
    const byHand = await store.read('unfinishedMembers', 'another');
    expect(byHand).toEqual([]);
  });

  test('R18: totals, commands with their ends, who was over last, and what was done to it', async () => {
    const store = opened();
    const fleet = await Fleet.of(store, { eu: ['a'], us: ['b', 'c'] });
    await fleet.rollOut({ waves: REST });
    await fleet.send('a');
    await fleet.finish('a', { attests: true });
    const skip = { ...order, rollout: fleet.rollout, agentName: 'c' };
    await store.write('skipRolloutAgent', { ...skip, nowMs: order.nowMs + 1, why: 'under repair' });
    const { members, commands } = await store.read('rolloutTotals', fleet.rollout);
    expect(commands).toBe(2);
    expect(members.map(({ group, state, agents }) => [group, state, agents])).toEqual(
      expect.arrayContaining([
        ['eu', 'done', 1],
        ['us', 'upgrading', 1],
        ['us', 'skipped', 1],
      ]),
    );
    const page = { rolloutId: fleet.rollout, agent: null, after: null, limit: 100 };
    const given = await store.read('rolloutCommands', page);
    expect(given.map((row) => [row.agent_name, row.state, row.version]).sort()).toEqual([
      ['a', 'succeeded', '2.0.0'],
      ['b', 'queued', '2.0.0'],
    ]);
    const [ofA] = await store.read('rolloutCommands', { ...page, agent: 'a' });
    expect(ofA?.attempt).toMatchObject({ from_version: '1.0.0', attempt: 1 });
    const first = await store.read('rolloutCommands', { ...page, limit: 1 });
    const after = first[0]?.id ?? null;
    expect(await store.read('rolloutCommands', { ...page, after })).toHaveLength(1);
    const lately = await store.read('rolloutMembersLately', { rolloutId: fleet.rollout, limit: 5 });
    expect(lately.map((row) => row.agent_name)).toEqual(['c', 'a']);
    const acts = await store.read('rolloutActs', { rolloutId: fleet.rollout, limit: 5 });
    expect(acts.map(({ kind, why }) => [kind, why])).toEqual([
      ['rollout-agent-skipped', 'under repair'],
      ['rollout-running', order.why],
      ['rollout-pending', order.why],
    ]);
  });
}
