import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { systemRandom } from '@moult/runtime/random';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storeWorkerPath } from '../../../test/support/store-worker.ts';
import { openInlineSqliteStore, openSqliteStore, SCHEMA, type Store } from '../src/index.ts';
import { choiceConformance } from './choice-conformance.ts';
import { choiceRolloutConformance } from './choice-rollout-conformance.ts';
import { conformance, type Engine } from './conformance.ts';
import { fleetConformance } from './fleet-conformance.ts';
import { groupMovesConformance } from './group-moves-conformance.ts';
import { groupsAndLabelsConformance } from './groups-and-labels-conformance.ts';
import { identityConformance } from './identity-conformance.ts';
import { maintenanceConformance } from './maintenance-conformance.ts';
import { outputConformance } from './output-conformance.ts';
import { principalConformance } from './principal-conformance.ts';
import { restoreConformance } from './restore-conformance.ts';
import { rolloutConformance } from './rollout-conformance.ts';
import { rolloutErrorsConformance } from './rollout-errors-conformance.ts';
import { rolloutHistoryConformance } from './rollout-history-conformance.ts';
import { rolloutModeConformance } from './rollout-mode-conformance.ts';
import { rolloutPartsConformance } from './rollout-parts-conformance.ts';
import { rolloutPlanningConformance } from './rollout-planning-conformance.ts';
import { rolloutWayBackConformance } from './rollout-way-back-conformance.ts';
import { settingsConformance } from './settings-conformance.ts';
import { makeToken } from './support/tokens.ts';
import { taskConformance } from './task-conformance.ts';

let dir: string;
let count = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'moult-store-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const newPath = (): string => {
  count += 1;
  return join(dir, `${count}.db`);
};
const open = (path: string): Promise<Store> =>
  openSqliteStore({ path, workerPath: storeWorkerPath() });

const ENGINES: readonly Engine[] = [
  {
    name: 'SQLite, writing in a thread',
    open: async () => {
      const store = await open(newPath());
      return { store, dispose: () => store.close() };
    },
  },
  {
    name: 'SQLite, inline',
    open: async () => {
      const store = await openInlineSqliteStore({ path: newPath(), random: systemRandom });
      return { store, dispose: () => store.close() };
    },
  },
];
for (const engine of ENGINES) {
  conformance(engine);
  restoreConformance(engine);
  identityConformance(engine);
  groupsAndLabelsConformance(engine);
  groupMovesConformance(engine);
  choiceConformance(engine);
  taskConformance(engine);
  outputConformance(engine);
  fleetConformance(engine);
  rolloutConformance(engine);
  rolloutModeConformance(engine);
  rolloutHistoryConformance(engine);
  principalConformance(engine);
  rolloutErrorsConformance(engine);
  rolloutWayBackConformance(engine);
  maintenanceConformance(engine);
  settingsConformance(engine);
  rolloutPlanningConformance(engine);
  rolloutPartsConformance(engine);
  choiceRolloutConformance(engine);
}

describe('SQLite', () => {
  test('after a kill -9 every acknowledged write is there', async () => {
    for (let round = 0; round < 3; round++) {
      const path = newPath();
      const acknowledged = await killedAfter(path, 2_000);
      const store = await open(path);
      expect(acknowledged.length).toBeGreaterThan(1_000);
      const known = new Set((await store.read('allTokens', null)).map((token) => token.id));
      expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
      await store.close();
    }
  });

  test('a second coordinator on one database is refused, and the first one may go on', async () => {
    const path = newPath();
    const first = await open(path);
    await expect(open(path)).rejects.toMatchObject({ code: 'database-locked' });
    await makeToken(first, {});
    await first.close();
    await (await open(path)).close();
  });

  test.each([
    [
      'rubbish',
      'database-corrupt',
      async (path: string) => writeFile(path, 'no database at all, but long enough'),
    ],
    [
      'another program’s',
      'database-foreign',
      async (path: string) => change(path, 'CREATE TABLE theirs (x)'),
    ],
    [
      'a newer one’s',
      'database-too-new',
      async (path: string) => {
        await (await open(path)).close();
        change(path, "UPDATE meta SET value = '99' WHERE key = 'readable-since'");
      },
    ],
  ])('a database that is %s is refused with %s and the next step', async (_, code, make) => {
    const path = newPath();
    await make(path);
    const before = await readFile(path);
    const tried = open(path);
    await expect(tried).rejects.toMatchObject({ code, remedy: expect.stringMatching(/\w/) });
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  test('a directory that is not there is said', async () => {
    await expect(open(join(dir, 'none', 'x.db'))).rejects.toMatchObject({
      code: 'database-unwritable',
    });
  });

  test('every recorded schema is brought to today’s with all that it holds', async () => {
    const dump = await readFile(
      fileURLToPath(new URL('./fixtures/schema-1.sql', import.meta.url)),
      'utf8',
    );
    const path = newPath();
    change(path, dump);
    // Of one name a token more, newer and with a smaller role.
    change(
      path,
      "INSERT INTO tokens (id, kind, secret_hash, principal, role, validates, created_ms, created_by, why) VALUES ('01zz', 'access', 'x', 'admin', 'viewer', 0, 1, 'ann', '')",
    );
    const store = await open(path);
    const view = await store.read('agentByName', 'web-1');
    const given = view?.components.map((row) => [row.component, row.given_version]);
    expect(given).toEqual([
      ['agent', '2.0.0'],
      ['launcher', null],
    ]);
    const page = { agent: null, commandId: null, before: null, limit: 10 };
    expect(await store.read('attemptPage', page)).toMatchObject([
      { outcome: 'succeeded', to_version: '2.0.0' },
    ]);
    expect(await store.read('storeLife', null)).toMatchObject({ generation: 1 });
    // PR2: tokens had roles, principals none.
    expect(await store.read('allPrincipals', { nowMs: 1_800_000_000_000 })).toMatchObject([
      { name: 'admin', role: 'admin', tokens: 2, revoked_ms: null },
    ]);
    expect(await store.read('tokenById', '01zz')).toMatchObject({ role: 'viewer' });
    const order = { nowMs: 1_800_000_000_000, principal: 'ann', why: '' };
    await store.write('setPrincipalRole', { ...order, name: 'admin', role: 'admin' });
    expect(await store.read('tokenById', '01zz')).toMatchObject({ role: 'admin' });
    await store.close();
    const connection = new DatabaseSync(path);
    const schema = connection.prepare("SELECT value FROM meta WHERE key = 'schema'").get();
    connection.close();
    expect(Number(schema?.['value'])).toBe(SCHEMA);
  });

  test('a thread that dies fails the write that waits and says that the store is lost', async () => {
    const path = newPath();
    await (await open(path)).close();
    const workerPath = fileURLToPath(new URL('./support/dying-worker.ts', import.meta.url));
    const store = await openSqliteStore({ path, workerPath });
    const write = store.write('lapse', { instanceId: null, nowMs: 1 });
    await expect(write).rejects.toThrow('the thread died');
    expect(await store.lost).toMatchObject({ message: 'the thread died' });
  });
});

function change(path: string, sql: string): void {
  const connection = new DatabaseSync(path);
  connection.exec(sql);
  connection.close();
}

/** What a process had acknowledged when it was killed. */
async function killedAfter(path: string, writes: number): Promise<readonly string[]> {
  const script = fileURLToPath(new URL('./support/acknowledging-writer.ts', import.meta.url));
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    if (text.length > writes * 27) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
  // The last line may be half a line; the kernel kept what was written.
  return text.split('\n').filter((line) => line.length === 26);
}
