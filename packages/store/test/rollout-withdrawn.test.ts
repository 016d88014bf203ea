/* No operation withdraws a release yet: a store that was put back to an earlier state has lost what was published since. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemRandom } from '@moult/runtime/random';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openInlineSqliteStore, type Store } from '../src/index.ts';
import { Fleet } from './support/rollout-fleet.ts';
import { NOW, order, publish } from './support/rows.ts';

let dir: string;
let store: Store;
let fleet: Fleet;

const open = () => openInlineSqliteStore({ path: join(dir, 'store.db'), random: systemRandom });

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'moult-withdrawn-'));
  store = await open();
  await publish(store);
  fleet = await Fleet.of(store, { eu: ['a', 'b'] });
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function set(state: 'imported' | 'published', version = '2.0.0'): Promise<void> {
  await store.close();
  const database = new DatabaseSync(join(dir, 'store.db'));
  database.exec(`UPDATE releases SET state = '${state}' WHERE version = '${version}'`);
  database.close();
  store = await open();
  fleet.reopened(store);
}

const waiting = async (rollout: string) =>
  (await store.read('rolloutView', rollout)).row.waits_reason;

test('RO6: a release that is withdrawn between plan and start is started by nobody, nor by its time', async () => {
  const { id } = await fleet.make({});
  const startsMs = NOW + 1;
  await store.write('setRolloutStart', { ...order, rollout: id, startsMs });
  await set('imported');
  await expect(store.write('startRollout', { ...order, rollout: id })).rejects.toMatchObject({
    code: 'desired-version-invalid',
    message: 'agent 2.0.0 is not published any more: agent-2.0.0 does not start',
  });
  const agents = [{ instanceId: fleet.id('a'), isConnected: true }];
  const { revision } = (await store.read('rolloutView', id)).row;
  const due = { rollout: id, revision, agents, nowMs: startsMs };
  expect(await store.write('startDueRollout', due)).toBe(false);
  expect(await waiting(id)).toBe('release-withdrawn');
});

test('RO6: withdrawn while it runs it goes to nobody more, and on when it is published again', async () => {
  const { id } = await fleet.make({});
  await store.write('startRollout', { ...order, rollout: id });
  await set('imported');
  const step = async () => (await store.write('stepRollout', { id, nowMs: NOW })).issued.length;
  expect(await step()).toBe(0);
  expect(await waiting(id)).toBe('release-withdrawn');
  await set('published');
  expect(await step()).toBe(1);
  expect(await waiting(id)).toBe(null);
});

test('RO6, RO22: what was withdrawn keeps no places from another rollout, though it comes before it', async () => {
  await publish(store, [['3.0.0', '3'.repeat(64)]]);
  const before = await fleet.make({ version: '3.0.0', priority: 9 }, ['a']);
  await store.write('startRollout', { ...order, rollout: before.id });
  const { id } = await fleet.make({}, ['b']);
  await store.write('startRollout', { ...order, rollout: id });
  const step = async () => (await store.write('stepRollout', { id, nowMs: NOW })).issued.length;
  expect(await step()).toBe(0);
  await set('imported', '3.0.0');
  expect(await step()).toBe(1);
});

test('RO37: a way back that leads nowhere halts, also one that continues, and says so', async () => {
  await fleet.rollOut({ waves: [{ kind: 'rest' }], onError: 'continue' });
  await fleet.upgrade('a');
  await set('imported', '1.0.0');
  const crashes = { awaySinceMs: null, lossesMs: Array(5).fill(NOW), nowMs: NOW };
  const of = { rolloutId: fleet.rollout, instanceId: fleet.id('a') };
  await store.write('judgeDone', { ...of, ...crashes });
  await fleet.step();
  expect(await fleet.failures()).toMatchObject({ a: 'roll-back' });
  expect(await fleet.view()).toMatchObject({
    state: 'halted',
    state_why: 'a could not go back: agent 1.0.0 is not published any more',
  });
  const a = (await fleet.members()).find(({ agent_name: name }) => name === 'a');
  expect(a).toMatchObject({ state: 'failed', code: 'no-way-back' });
});
