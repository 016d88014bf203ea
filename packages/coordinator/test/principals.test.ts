/* What a principal may do, over the API of a real coordinator (docs/spec/principal.md). */
import type { Role } from '@moult/core/permission';
import { systemRandom } from '@moult/runtime/random';
import { openSqliteStore } from '@moult/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { storeWorkerPath } from '../../../test/support/store-worker.ts';
import { addAdministrator } from '../src/index.ts';
import { Fixture } from './support/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
});
afterEach(() => fixture.stop());

async function add(name: string, role: Role): Promise<string> {
  const { status, body } = await fixture.call('POST', '/v1/principals', { body: { name, role } });
  expect(status).toBe(201);
  return body.text;
}

async function whoAmI(token: string): Promise<string> {
  const { status, body } = await fixture.call('GET', '/v1/whoami', { token });
  return status === 200 ? `${body.principal}: ${body.role}` : `${status} ${body.code}`;
}

test('R20 PR1: who views plans and watches, who operates rolls nothing out, and is told who may', async () => {
  await fixture.enroll('web-1', { group: 'eu' });
  await fixture.publishTwo();
  const viewer = await add('vic', 'viewer');
  const operator = await add('otto', 'operator');
  const upgrader = await add('uma', 'upgrader');
  const asked = { select: 'group=eu', version: '2.0.0' };
  const named = { ...asked, name: 'spring' };
  const post = (path: string, token: string, body: object = {}) =>
    fixture.call('POST', path, { token, body });
  for (const token of [viewer, operator]) {
    expect((await post('/v1/rollouts/plan', token, asked)).status).toBe(200);
    expect(await post('/v1/rollouts', token, named)).toMatchObject({
      status: 403,
      body: {
        code: 'permission-denied',
        detail: expect.stringMatching(/^(vic \(viewer\)|otto \(operator\)) may not upgrade$/),
        remedy: expect.stringMatching(/upgrader, admin.*`moult principals role (vic|otto) ROLE`/),
      },
    });
  }
  expect((await post('/v1/rollouts', upgrader, named)).status).toBe(201);
  for (const token of [viewer, operator]) {
    const started = await post('/v1/rollouts/spring/start', token);
    expect([started.status, started.body.code]).toEqual([403, 'permission-denied']);
    const watched = await fixture.call('GET', '/v1/rollouts/spring', { token });
    expect(watched.body).toMatchObject({ state: 'pending' });
  }
  const pause = { action: 'pause', agents: ['web-1'] };
  expect((await post('/v1/agents/control', viewer, pause)).status).toBe(403);
  expect((await post('/v1/agents/control', operator, pause)).status).toBe(202);
  expect((await post('/v1/rollouts/spring/start', upgrader)).status).toBe(200);
});

test('PR2 PR3: role and revocation hold for every token of a principal from the next request on', async () => {
  const first = await add('ada', 'operator');
  const made = await fixture.call('POST', '/v1/tokens', {
    body: { kind: 'access', principal: 'ada' },
  });
  const tokens = [first, made.body.text];
  const are = () => Promise.all(tokens.map(whoAmI));
  expect(await are()).toEqual(['ada: operator', 'ada: operator']);
  const set = await fixture.call('PUT', '/v1/principals/ada/role', {
    body: { role: 'viewer', why: 'change of team' },
  });
  expect(set.body).toMatchObject({ name: 'ada', role: 'viewer', tokens: 2 });
  expect(await are()).toEqual(['ada: viewer', 'ada: viewer']);
  await fixture.call('POST', '/v1/principals/ada/revoke', { body: { why: 'left' } });
  expect(await are()).toEqual(['401 unauthenticated', '401 unauthenticated']);
  const { body } = await fixture.call('GET', '/v1/principals');
  expect(body.principals).toMatchObject([
    { name: 'ada', role: 'viewer', tokens: 0, revokedBy: 'admin' },
    { name: 'admin', role: 'admin', tokens: 1, createdBy: 'init', revokedMs: null },
  ]);
  const history = await fixture.call('GET', '/v1/history');
  const whys = history.body.entries.map((entry: { readonly why: string }) => entry.why);
  expect(whys.slice(0, 2)).toEqual(['left', 'change of team']);
});

test('PR4: whoever is the last administrator can give that up in no way', async () => {
  const refused = { status: 412, body: { code: 'last-administrator' } };
  const { body } = await fixture.call('GET', '/v1/tokens');
  const [{ id, principal }] = body.tokens;
  expect(principal).toBe('admin');
  const role = { body: { role: 'viewer' } };
  expect(await fixture.call('PUT', '/v1/principals/admin/role', role)).toMatchObject(refused);
  expect(await fixture.call('POST', '/v1/principals/admin/revoke', { body: {} })).toMatchObject(
    refused,
  );
  expect(await fixture.call('DELETE', `/v1/tokens/${id}`)).toMatchObject(refused);
  const token = await add('ada', 'admin');
  const done = await fixture.call('POST', '/v1/principals/admin/revoke', { token, body: {} });
  expect(done.status).toBe(200);
  expect(await whoAmI(fixture.init.adminToken)).toBe('401 unauthenticated');
});

test('PR7: where no administrator has a token any more, one is made beside the database, and only there', async () => {
  await add('otto', 'operator');
  const { paths } = fixture.init;
  const make = (name: string) =>
    addAdministrator({
      ...{ paths, name, why: 'lost', storeWorkerPath: storeWorkerPath() },
      ...{ clock: fixture.clock, random: systemRandom, version: '9.9.9' },
    });
  await expect(make('ada')).rejects.toMatchObject({ code: 'database-locked' });
  await fixture.coordinator.stop();
  await fixture.store.close();
  const tokens = [await make('ada'), await make('otto')];
  const store = await openSqliteStore({
    path: paths.databasePath,
    workerPath: storeWorkerPath(),
  });
  try {
    await fixture.restart(store);
    expect(await Promise.all(tokens.map(whoAmI))).toEqual(['ada: admin', 'otto: admin']);
    const token = tokens[0] ?? null;
    const body = {};
    const revoked = await fixture.call('POST', '/v1/principals/admin/revoke', { token, body });
    expect(revoked.status).toBe(200);
    const history = await fixture.call('GET', '/v1/history', { token });
    expect(history.body.entries).toContainEqual(
      expect.objectContaining({ kind: 'principal-added', principal: 'coordinator', why: 'lost' }),
    );
    const nowMs = fixture.clock.nowMs();
    expect(await store.read('administrators', { nowMs })).toEqual([
      { name: 'ada', endsMs: null },
      { name: 'otto', endsMs: null },
    ]);
    await fixture.coordinator.stop();
  } finally {
    await store.close();
  }
});
