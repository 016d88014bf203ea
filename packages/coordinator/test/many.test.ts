import { CodedError } from '@moult/core/errors';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { actOnAll } from '../src/registry/many.ts';
import { type Answer, Fixture } from './support/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
}, 60_000);
afterEach(() => fixture.stop());

function upgrade(body: object): Promise<Answer> {
  return fixture.call('POST', '/v1/agents/upgrade', { body });
}

async function commandIds(): Promise<readonly string[]> {
  const { body } = await fixture.call('GET', '/v1/commands?limit=1000');
  return body.commands.map(({ id }: { id: string }) => id).sort();
}

const idsOf = ({ body }: Answer): readonly string[] =>
  body.ordered.map(({ commandId }: { commandId: string }) => commandId).sort();

test('SE5: one order reaches everybody who is meant, at once where it can', async () => {
  const web = await fixture.enroll('web-1', { group: 'eu' });
  await web.connect();
  web.report();
  await fixture.enroll('web-2', { group: 'eu' });
  await fixture.enroll('db-1', { group: 'us' });
  const answer = await upgrade({ select: 'group=eu', version: '2.0.0', isForced: true, why: 'x' });
  expect(answer.status).toBe(202);
  expect(answer.body).toMatchObject({
    selected: 2,
    ordered: [
      { agent: 'web-1', version: '2.0.0', isNew: true },
      { agent: 'web-2', version: '2.0.0', isNew: true },
    ],
    refused: [],
    unfinished: null,
  });
  expect(await web.expect('command')).toMatchObject({ autoUpgrade: { isForced: true } });
  expect(await commandIds()).toEqual(idsOf(answer));
});

test('SE5: who is refused is named with the reason, and keeps nobody else from it', async () => {
  await fixture.enroll('web-1');
  await fixture.enroll('web-2');
  await fixture.call('PUT', '/v1/agents/web-2/desired/agent', { body: { version: '2.0.0' } });
  const { body } = await upgrade({ agents: ['web-2', 'nobody', 'web-1', 'web-2'] });
  expect(body).toMatchObject({
    selected: 3,
    ordered: [{ agent: 'web-2', version: '2.0.0' }],
    refused: [
      { agent: 'nobody', code: 'not-found', remedy: expect.stringMatching(/./) },
      { agent: 'web-1', code: 'no-desired-version', remedy: expect.stringMatching(/./) },
    ],
    unfinished: null,
  });
});

test('SE5: the same key gives the same commands, also when their agents match no more', async () => {
  await fixture.enroll('web-1');
  await fixture.enroll('web-2');
  const order = { select: 'waiting!=*', version: '2.0.0', key: 'k' };
  const first = await upgrade(order);
  expect(first.body.ordered).toHaveLength(2);
  await fixture.coordinator.settled();
  await fixture.enroll('web-3');
  const again = await upgrade(order);
  expect(again.body.ordered.map(({ isNew }: { isNew: boolean }) => isNew)).toEqual([
    false,
    false,
    true,
  ]);
  expect(idsOf(again)).toEqual(expect.arrayContaining([...idsOf(first)]));
  expect(await commandIds()).toHaveLength(3);
});

test('a dry run says what would be ordered, and orders nothing', async () => {
  await fixture.enroll('web-1');
  const { body } = await upgrade({
    agents: ['web-1', 'nobody'],
    version: '2.0.0',
    isDryRun: true,
  });
  expect(body).toMatchObject({
    selected: 2,
    ordered: [{ agent: 'web-1', version: '2.0.0', commandId: null }],
    refused: [{ agent: 'nobody', code: 'not-found' }],
  });
  expect(await commandIds()).toEqual([]);
});

test('H14: only agents with a launcher: others are left out, and the choice is refused where nobody has one', async () => {
  const alone = await fixture.enroll('web-1');
  await alone.connect();
  alone.report({ marks: ['no launcher'] });
  await fixture.enroll('web-2');
  await fixture.coordinator.settled();
  const order = { version: '2.0.0', isDryRun: true };
  const all = await upgrade({ ...order, select: 'agent=*' });
  expect(all.body).toMatchObject({
    selected: 2,
    leftOut: [],
    warnings: [{ agent: 'web-1', code: 'no-launcher' }],
  });
  const some = await upgrade({ ...order, select: 'agent=*', onlyWithLauncher: true });
  expect(some.body).toMatchObject({
    selected: 1,
    ordered: [{ agent: 'web-2' }],
    leftOut: ['web-1'],
    warnings: [],
  });
  const none = await upgrade({ ...order, agents: ['web-1'], onlyWithLauncher: true });
  expect(none.status).toBe(412);
  expect(none.body).toMatchObject({ code: 'no-launcher-selected' });
});

test('SE6: an order that means nobody fails, and does nothing', async () => {
  await fixture.enroll('web-1');
  for (const path of ['/v1/agents/upgrade', '/v1/agents/validate']) {
    const answer = await fixture.call('POST', path, { body: { select: 'group=nowhere' } });
    expect(answer).toMatchObject({ status: 404, body: { code: 'nothing-selected' } });
  }
  expect(await commandIds()).toEqual([]);
});

test.each([[{}], [{ select: 'group=eu', agents: ['web-1'] }], [{ agents: [] }]])(
  '%j is no target',
  async (target) => {
    const answer = await upgrade(target);
    expect(answer).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
  },
);

test('many are validated by a selector, and get what waited for that', async () => {
  const agent = await fixture.enroll('new-1', { validates: false });
  await agent.connect();
  agent.report();
  await fixture.enroll('new-2', { validates: false });
  await upgrade({ agents: ['new-1'], version: '2.0.0' });
  const { body } = await fixture.call('POST', '/v1/agents/validate', {
    body: { select: 'validated=no', why: 'new rack' },
  });
  expect(body).toMatchObject({ selected: 2, validated: ['new-1', 'new-2'], refused: [] });
  expect(await agent.expect('command')).toMatchObject({ autoUpgrade: { version: '2.0.0' } });
});

test('agents are paused and removed by a selector too', async () => {
  const agent = await fixture.enroll('web-1', { group: 'eu' });
  await agent.connect();
  agent.report();
  await fixture.enroll('web-2', { group: 'eu' });
  await fixture.enroll('db-1', { group: 'us' });
  const act = (path: string, body: object) => fixture.call('POST', path, { body });
  const paused = await act('/v1/agents/control', { select: 'group=eu', action: 'pause' });
  expect(paused.body.unfinished).toBeNull();
  expect(paused.body.results.map((one: { agent: string }) => one.agent)).toEqual([
    'web-1',
    'web-2',
  ]);
  const keyed = { select: 'agent=db-1 and waiting!=*', action: 'pause', key: 'k' };
  const first = await act('/v1/agents/control', keyed);
  expect(first.body.results).toMatchObject([{ agent: 'db-1', command: { state: 'queued' } }]);
  const same = await act('/v1/agents/control', keyed);
  expect(same.body.results[0].command.id).toBe(first.body.results[0].command.id);
  const removed = await act('/v1/agents/remove', { select: 'group=us' });
  expect(removed.body).toMatchObject({ results: [{ agent: 'db-1', outcome: 'removed' }] });
  const again = await act('/v1/agents/remove', { select: 'group=us' });
  expect(again).toMatchObject({ status: 404, body: { code: 'nothing-selected' } });
});

test('SE5: what stops everything is said beside what was done until then', async () => {
  const done: string[] = [];
  const names = Array.from({ length: 500 }, (_, index) => ({ agentName: `web-${index}` }));
  const acted = await actOnAll(names, async ({ agentName: name }) => {
    if (name === 'web-70') throw new CodedError('not-found', 'gone');
    if (name === 'web-100') throw new CodedError('disk-full', 'no space');
    done.push(name);
    return name;
  });
  expect(acted).toMatchObject({
    selected: 500,
    refused: [{ agent: 'web-70', code: 'not-found' }],
    unfinished: { code: 'disk-full', message: 'no space' },
  });
  expect([...acted.done].sort()).toEqual(done.sort());
  expect(done.length).toBeLessThan(500);
});

test('what stops everything before anything was done is an error', async () => {
  const full = async (): Promise<never> => {
    throw new CodedError('disk-full', 'no space');
  };
  await expect(
    actOnAll([{ agentName: 'web-1' }, { agentName: 'web-2' }], full),
  ).rejects.toMatchObject({ code: 'disk-full' });
});
