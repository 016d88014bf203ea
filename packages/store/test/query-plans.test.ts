/* What is asked of one instance must not cost more with all that the fleet has ever done. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemRandom } from '@moult/runtime/random';
import { expect, test } from 'vitest';
import { openInlineSqliteStore, type Store } from '../src/index.ts';
import { agent, NOW, order, report, session } from './support/rows.ts';

const OFFER = { name: 'backup', description: '', parameters: [], schedule: '', timeZone: '' };

/** Every text that `work` has had prepared. */
async function preparedBy(work: () => Promise<void>): Promise<ReadonlySet<string>> {
  const { prepare } = DatabaseSync.prototype;
  const texts = new Set<string>();
  DatabaseSync.prototype.prepare = function (text) {
    texts.add(text);
    return prepare.call(this, text);
  };
  try {
    await work();
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
  return texts;
}

test('C22: neither an order of a task nor what follows it reads the commands of a kind that there ever were', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'moult-plans-'));
  const path = join(dir, 'store.db');
  const store = await openInlineSqliteStore({ path, random: systemRandom });
  const texts = await preparedBy(async () => {
    const { instanceId } = await agent(store, 'a');
    const capabilities = ['auto-upgrade', 'control', 'tasks'];
    await session(store, { instanceId, counter: 1, capabilities });
    await report(store, instanceId, [], { tasks: [OFFER] });
    const task = { task: 'backup', parameters: [], key: null, notAfterMs: NOW + 86_400_000 };
    // One more than a host is given at once, so that there are some to hold back.
    for (let count = 0; count <= 64; count++) {
      await store.write('orderTask', { ...order, ...task, instanceId });
    }
    const dispatching = { isConnected: true, listeningSinceMs: NOW, nowMs: NOW, resends: true };
    await store.write('dispatch', { ...dispatching, instanceId });
    await store.read('takenBackTasks', { instanceId, nowMs: NOW });
  });
  await store.close();
  const ofOne = [...texts].filter((text) => /"commands".*"instance_id" = \?/s.test(text));
  expect(ofOne.length).toBeGreaterThan(5);
  const database = new DatabaseSync(path);
  for (const text of ofOne) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all();
    const details = plan.map(({ detail }) => String(detail)).join('; ');
    expect(details, text).not.toContain('commands_kind_created_ms');
  }
  database.close();
  rmSync(dir, { recursive: true, force: true });
});

const runs = { agent: null, task: null, run: null, state: 'all', before: null, limit: 50 } as const;
const attemptsOf = { agent: null, commandId: null, before: null, limit: 50 } as const;
const historyOf = { agent: 'a', before: null, after: null, limit: 50 } as const;

test.each([
  [
    'what runs or waits',
    (store: Store) => store.read('runPage', { ...runs, state: 'open' }),
    /"commands"|"task_runs"/,
  ],
  [
    'the runs of a task',
    (store: Store) => store.read('runPage', { ...runs, task: 'backup' }),
    /"commands"|"task_runs"/,
  ],
  [
    'what was ordered of an agent',
    (store: Store) =>
      store.read('commandPage', { agent: 'a', state: 'all', before: null, limit: 50 }),
    /"commands"/,
  ],
  [
    'the last upgrade of an instance to a version',
    (store: Store) =>
      store.read('lastUpgradeTo', { instanceId: 'i', component: 'agent', version: '2.0.0' }),
    /"commands"/,
  ],
  [
    'one run',
    (store: Store) => store.read('runPage', { ...runs, run: 'r' }),
    /"commands"|"task_runs"/,
  ],
  ['the history of an agent', (store: Store) => store.read('historyPage', historyOf), /"history"/],
  [
    'the history of a rollout',
    (store: Store) => store.read('historyPage', { ...historyOf, agent: null, rolloutId: 'r' }),
    /"history"/,
  ],
  [
    'the attempts of a rollout',
    (store: Store) => store.read('attemptPage', { ...attemptsOf, rolloutId: 'r' }),
    /"commands"/,
  ],
  [
    'who has the turn of a group',
    (store: Store) => store.read('turnHolder', { group: 'default', component: 'agent' }),
    /"commands"/,
  ],
] as const)('%s is found without reading all that there ever was', async (_, ask, table) => {
  const dir = mkdtempSync(join(tmpdir(), 'moult-plans-'));
  const path = join(dir, 'store.db');
  const store = await openInlineSqliteStore({ path, random: systemRandom });
  await agent(store, 'a');
  const texts = await preparedBy(async () => {
    await ask(store);
  });
  await store.close();
  const about = [...texts].filter((text) => table.test(text));
  expect(about.length).toBeGreaterThan(0);
  const database = new DatabaseSync(path);
  for (const text of about) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${text}`).all();
    const details = plan.map(({ detail }) => String(detail)).join('; ');
    // What cannot be had along an index is sorted, all of it.
    if (!/\|\|/.test(text)) expect(details, text).not.toContain('USE TEMP B-TREE FOR ORDER BY');
    expect(details, text).not.toMatch(
      /SCAN (commands|task_runs|history)(?! USING INDEX task_runs_open)|[(]kind=\?\)|MULTI-INDEX/,
    );
    // Runs that a schedule began have no command, and all of them the same one.
    if (table.test('"task_runs"')) expect(details, text).not.toMatch(/\(command_id=\?\)/);
  }
  database.close();
  rmSync(dir, { recursive: true, force: true });
});
