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
