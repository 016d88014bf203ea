import type { Agent, Reason } from '@moult/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, Fixture } from './support/fixture.ts';

/** More than a page of the store, and than a page of the API. */
const CROWD = 1_204;

let fixture: Fixture;
beforeAll(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
  await enrollCrowd();
  const up = await fixture.enroll('web-1', { group: 'eu' });
  await up.connect();
  up.report();
  const down = await fixture.enroll('web-2', { group: 'eu' });
  await down.connect();
  down.report();
  await down.close();
  await fixture.enroll('new-1', { group: 'us', validates: false });
  await fixture.call('PUT', '/v1/agents/web-1/desired/agent', { body: { version: '2.0.0' } });
  await fixture.call('POST', '/v1/agents/web-2/upgrade', { body: { version: '2.0.0' } });
  await fixture.coordinator.settled();
}, 60_000);
afterAll(() => fixture.stop());

async function enrollCrowd(): Promise<void> {
  const nowMs = fixture.clock.nowMs();
  const token = await fixture.store.write('createToken', {
    nowMs,
    principal: 'ann',
    why: '',
    kind: 'enrollment',
    secretHash: 'hash',
    expiresMs: null,
    uses: CROWD,
    group: 'crowd',
    validates: true,
  });
  const one = { tokenId: token.id, secretHash: 'hash', platform: 'linux-arm64', nowMs };
  await Promise.all(
    Array.from({ length: CROWD }, (_, index) => {
      const name = `crowd-${String(index).padStart(5, '0')}`;
      return fixture.store.write('enroll', { ...one, name, publicKey: name, bindsChannel: false });
    }),
  );
}

function get(path: string, query: Readonly<Record<string, string>>): Promise<Answer> {
  return fixture.call('GET', `${path}?${new URLSearchParams(query)}`);
}

async function names(select: string): Promise<readonly string[]> {
  const { status, body } = await get('/v1/agents', { select });
  expect({ status, next: body.next }).toEqual({ status: 200, next: null });
  return body.agents.map((agent: Agent) => agent.name);
}

test.each([
  ['agent=web-*', ['web-1', 'web-2']],
  ['group=eu and state=up', ['web-1']],
  ['group=eu and state=down', ['web-2']],
  ['validated=no', ['new-1']],
  ['mark=unvalidated or agent=web-2', ['new-1', 'web-2']],
  ['platform=linux-x64 and version=*', ['web-1', 'web-2']],
  ['version<2', ['web-1', 'web-2']],
  ['desired=2.0.0', ['web-1', 'web-2']],
  ['waiting=agent-down', ['web-2']],
  ['waiting=*', ['web-2']],
  ['label.role=db', []],
])('%s selects %j', async (select, expected) => {
  expect(await names(select)).toEqual(expected);
});

test('SE4: everybody is found, however many, each once and by name', async () => {
  const found: string[] = [];
  let pages = 0;
  for (let after: string | null = ''; after !== null; pages += 1) {
    const { body } = await get('/v1/agents', { select: 'group in (crowd, us)', after });
    found.push(...body.agents.map((agent: Agent) => agent.name));
    after = body.next;
  }
  expect(pages).toBe(2);
  expect(found).toHaveLength(CROWD + 1);
  expect(found).toEqual([...new Set(found)].sort());
});

test('a selector and a group together mean those whom both mean', async () => {
  const both = await get('/v1/agents', { select: 'state=up', group: 'eu' });
  expect(both.body.agents.map((agent: Agent) => agent.name)).toEqual(['web-1']);
  const other = await get('/v1/agents', { select: 'state=up', group: 'us' });
  expect(other.body.agents).toEqual([]);
});

test('why of many: one reason for each who waits, page by page', async () => {
  const { body } = await get('/v1/why', { select: 'group=eu' });
  expect(body).toMatchObject({ agents: 2, next: null });
  expect(body.reasons.map((one: Reason) => [one.agent, one.reason])).toEqual([
    ['web-1', 'upgrading'],
    ['web-2', 'agent-down'],
  ]);
  const first = await get('/v1/why', { select: 'group=eu', limit: '1' });
  expect(first.body).toMatchObject({ agents: 1, next: 'web-1' });
  const second = await get('/v1/why', { select: 'group=eu', limit: '1', after: 'web-1' });
  expect(second.body).toMatchObject({ agents: 1, next: null, reasons: [{ agent: 'web-2' }] });
});

test('why of all looks at everybody', async () => {
  const first = await get('/v1/why', {});
  expect(first.body.agents).toBe(1_000);
  const second = await get('/v1/why', { after: first.body.next });
  expect(second.body).toMatchObject({ agents: CROWD + 3 - 1_000, next: null });
  expect(second.body.reasons.map((one: Reason) => one.agent)).toEqual(['web-1', 'web-2']);
});

test.each(['/v1/agents', '/v1/why'])('%s names the place of what is wrong', async (path) => {
  const { status, body } = await get(path, { select: 'group=eu and grup=us' });
  expect(status).toBe(400);
  expect(body).toMatchObject({
    code: 'selector-invalid',
    detail: 'column 14: there is no field grup; did you mean group?',
  });
});
