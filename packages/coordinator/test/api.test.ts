import { createHash } from 'node:crypto';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ROUTES } from '@moult/api';
import { CodedError } from '@moult/core/errors';
import { mayDo, ROLES } from '@moult/core/permission';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { TestAgent } from './support/test-agent.ts';
import { WatchedStore } from './support/watched-store.ts';

let fixture: Fixture;
const tokens = new Map<string, string>();
beforeAll(async () => {
  fixture = await Fixture.make();
  await fixture.enroll('web-1');
  for (const role of ROLES) {
    const made = await fixture.call('POST', '/v1/tokens', {
      body: { kind: 'access', principal: `the-${role}`, role },
    });
    tokens.set(role, made.body.text);
  }
});
afterAll(() => fixture.stop());

const SAMPLES: Readonly<Record<string, string>> = {
  name: 'web-1',
  component: 'agent',
  version: '1.0.0',
  id: 'nosuchid',
};
const pathOf = (path: string) =>
  path.replace(/:(\w+)/g, (_, name: string) => SAMPLES[name] ?? name);

/** Each route with each role, without a token, and with one that is none. */
const MATRIX = Object.values(ROUTES).flatMap((route) =>
  [...ROLES, 'nobody', 'forged'].map((who) => ({ id: route.id, route, who })),
);

describe('every route obeys its permission (T18)', () => {
  test.each(MATRIX)('$id as $who', async ({ route, who }) => {
    const token = who === 'nobody' ? null : (tokens.get(who) ?? 'moult-access-v1.x.y');
    const body = route.method === 'GET' || route.body === 'octets' ? {} : { body: { wrong: true } };
    const { status, body: answer } = await fixture.call(route.method, pathOf(route.path), {
      token,
      ...body,
    });
    const role = ROLES.find((one) => one === who);
    if (route.permission === null)
      expect([401, 403]).not.toContain(answer.code === 'token-invalid' ? 0 : status);
    else if (role === undefined) expect([401, 429]).toContain(status);
    else if (mayDo(role, route.permission)) expect([401, 403]).not.toContain(status);
    else expect({ status, code: answer.code }).toEqual({ status: 403, code: 'permission-denied' });
    expect(status).toBeLessThan(500);
  });
});

describe('problems', () => {
  test.each([
    ['GET', '/v1/nothing', undefined, 404, 'not-found'],
    ['GET', '/v1/agents/nobody', undefined, 404, 'not-found'],
    ['PATCH', '/v1/agents', undefined, 405, 'method-not-allowed'],
    ['GET', '/v1/agents?limit=0', undefined, 400, 'request-invalid'],
    ['POST', '/v1/agents/web-1/upgrade', { version: 'v1' }, 400, 'request-invalid'],
    ['POST', '/v1/agents/web-1/upgrade', { version: '8.0.0' }, 400, 'desired-version-invalid'],
    ['POST', '/v1/agents/web-1/upgrade', {}, 412, 'no-desired-version'],
    ['POST', '/v1/agents/web-1/upgrade', { why: 'x'.repeat(2_000_000) }, 413, 'request-too-large'],
    ['GET', '/v1/trust/signing/agent/8.0.0', undefined, 404, 'release-unknown'],
  ])('%s %s: %#', async (method, path, body, status, code) => {
    const answer = await fixture.call(method, path, { body });
    expect(answer).toMatchObject({
      status,
      body: { code, status, type: `urn:moult:problem:${code}` },
    });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body.remedy.length).toBeGreaterThan(10);
    expect(JSON.stringify(answer.body)).not.toMatch(/\.ts:\d|node_modules/);
  });

  test('the invalid field is named', async () => {
    const { body } = await fixture.call('POST', '/v1/agents/web-1/upgrade', {
      body: { version: 'v1' },
    });
    expect(body.detail).toMatch(/^body\.version: /);
    const { headers } = await fixture.call('PATCH', '/v1/agents');
    expect(headers.get('allow')).toBe('GET');
  });

  test('a body that is not JSON is said', async () => {
    const answer = await fetch(`${fixture.url}/v1/tokens`, {
      method: 'POST',
      body: '{',
      headers: {
        authorization: `Bearer ${fixture.init.adminToken}`,
        'content-type': 'application/json',
      },
    });
    expect(answer.status).toBe(400);
    expect((await answer.json()) as object).toMatchObject({ code: 'request-invalid' });
  });
});

test('the OpenAPI document names every route, and is open to everybody', async () => {
  const { body, status } = await fixture.call('GET', '/v1/openapi.json', { token: null });
  expect([status, body.openapi]).toEqual([200, '3.1.0']);
  const ids = Object.values(
    body.paths as Record<string, Record<string, { operationId: string }>>,
  ).flatMap((path) => Object.values(path).map((operation) => operation.operationId));
  expect(ids.sort()).toEqual(Object.keys(ROUTES).sort());
  expect((await fixture.call('GET', '/readyz', { token: null })).status).toBe(200);
});

describe('static files', () => {
  const content = Buffer.from('0123456789');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const path = `/blobs/sha256/${sha256}`;
  beforeAll(async () => {
    const dir = join(fixture.init.paths.blobsDir, 'sha256', sha256.slice(0, 2));
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, sha256), content);
  });

  test.each([
    [undefined, 200, '0123456789', null],
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 416, '', 'bytes */10'],
    ['bytes=1-2,4-5', 200, '0123456789', null],
    ['rubbish', 200, '0123456789', null],
  ])('a range of %s', async (range, status, text, contentRange) => {
    const answer = await fixture.call('GET', path, {
      token: null,
      headers: range === undefined ? {} : { range },
    });
    expect([answer.status, answer.body, answer.headers.get('content-range')]).toEqual([
      status,
      text,
      contentRange,
    ]);
  });

  test('HEAD, ETag and If-Range', async () => {
    const head = await fixture.call('HEAD', path, { token: null });
    expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
      200,
      '10',
      `"${sha256}"`,
    ]);
    const same = await fixture.call('GET', path, { headers: { 'if-none-match': `"${sha256}"` } });
    expect(same.status).toBe(304);
    const stale = await fixture.call('GET', path, {
      headers: { range: 'bytes=2-', 'if-range': '"other"' },
    });
    expect([stale.status, stale.body]).toEqual([200, '0123456789']);
  });

  test('metadata is served; nothing beside it can be reached', async () => {
    const timestamp = await fixture.call('GET', '/tuf/metadata/timestamp.json', { token: null });
    expect(timestamp.body.signed._type).toBe('timestamp');
    const servedDir = join(fixture.init.paths.repositoryDir, 'current', 'metadata');
    await symlink(fixture.init.paths.databasePath, join(servedDir, 'link.json'));
    for (const evil of [
      '/tuf/../keys/snapshot.key',
      '/tuf/..%2f..%2fkeys/snapshot.key',
      '/tuf/%2e%2e/%2e%2e/keys/snapshot.key',
      '/tuf/metadata/link.json',
      '/tuf/metadata',
      '/tuf//etc/passwd',
      '/tuf/.hidden',
      '/blobs/sha256/..%2f..%2fcoordinator.db',
      `/blobs/sha256/${'0'.repeat(64)}`,
    ]) {
      expect(await rawGet(evil), evil).toMatch(/^HTTP\/1\.1 (404|400) /);
    }
  });
});

/** fetch would tidy the path up. */
function rawGet(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(fixture.url).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    socket.on('error', reject).on('close', () => resolve(text));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  });
}

describe('enrollment (T13)', () => {
  test('of two hosts at once with a one-use token one wins; the same key may ask again', async () => {
    const token = await fixture.createToken();
    const hosts = [new TestAgent(fixture.url), new TestAgent(fixture.url)] as const;
    const [a, b] = await Promise.all([
      fixture.enrollWith(hosts[0], { name: 'race-a', token }),
      fixture.enrollWith(hosts[1], { name: 'race-b', token }),
    ]);
    expect([a.status, b.status].sort()).toEqual([201, 403]);
    const isFirst = a.status === 201;
    const again = await fixture.enrollWith(hosts[isFirst ? 0 : 1], { name: 'race-x', token });
    expect(again.body).toEqual((isFirst ? a : b).body);
    expect(again.body.isValidated).toBe(false);
  });

  test('an expired and a revoked token are refused; a used one stays revocable', async () => {
    const short = await fixture.createToken({ ttlMs: 1_000 });
    await fixture.clock.advance(2_000);
    const late = await fixture.enrollWith(new TestAgent(fixture.url), {
      name: 'late',
      token: short,
    });
    expect([late.status, late.body.code]).toEqual([403, 'token-expired']);
    const made = await fixture.call('POST', '/v1/tokens', { body: { kind: 'enrollment' } });
    await fixture.call('DELETE', `/v1/tokens/${made.body.token.id}`);
    const refused = await fixture.enrollWith(new TestAgent(fixture.url), {
      name: 'r',
      token: made.body.text,
    });
    expect([refused.status, refused.body.code]).toEqual([403, 'token-revoked']);
  });

  test('a lifetime beyond all dates is refused, and the tokens stay readable', async () => {
    for (const ttlMs of [Number.MAX_SAFE_INTEGER, 8_640_000_000_000_000]) {
      const body = { kind: 'access', principal: 'ada', role: 'viewer', ttlMs };
      const made = await fixture.call('POST', '/v1/tokens', { body });
      expect([made.status, made.body.code]).toEqual([400, 'request-invalid']);
    }
    expect((await fixture.call('GET', '/v1/tokens')).status).toBe(200);
  });

  test('the token carries what the first contact is pinned to', async () => {
    const token = await fixture.createToken();
    const pins = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const { body } = await fixture.call('GET', '/v1/trust/anchors', { token: null });
    expect(pins.rootSha256).toBe(createHash('sha256').update(body.root).digest('hex'));
    expect(pins.caSha256).toBeNull();
  });

  test('an unvalidated agent gets its command once it is validated', async () => {
    await fixture.publishTwo();
    const agent = await fixture.enroll('slow', { validates: false });
    await agent.connect();
    const ordered = await fixture.call('POST', '/v1/agents/slow/upgrade', {
      body: { version: '2.0.0', key: 'k' },
    });
    expect(ordered.body.command).toMatchObject({ state: 'queued', holdReason: 'unvalidated' });
    const { body } = await fixture.call('GET', '/v1/agents/slow/why');
    expect(body.reasons).toMatchObject([
      { reason: 'unvalidated', freedBy: 'moult agents validate slow' },
    ]);
    await fixture.call('POST', '/v1/agents/slow/validate', { body: {} });
    expect((await agent.expect('command')).commandId).toBe(ordered.body.command.id);
  });
});

test('failed authentications of one address are slowed down; a good token is not', async () => {
  let last = 0;
  for (let tries = 0; tries < 40; tries++) {
    last = (await fixture.call('GET', '/v1/agents', { token: 'wrong' })).status;
  }
  expect(last).toBe(429);
  expect((await fixture.call('GET', '/v1/agents')).status).toBe(200);
});

test('a full disk is said without the paths of the coordinator', async () => {
  const path = '/var/lib/moult-coordinator/coordinator.db';
  const full = new CodedError('disk-full', `the database ${path}: full`, {
    remedy: `See ${path}.`,
  });
  const store = new WatchedStore(fixture.store);
  await fixture.restart(store);
  store.around = () => Promise.reject(full);
  const answer = await fixture.call('POST', '/v1/tokens', { body: { kind: 'enrollment' } });
  await fixture.restart();
  expect([answer.status, answer.body.code]).toEqual([429, 'disk-full']);
  expect(JSON.stringify(answer.body)).not.toContain('/var/lib');
});
