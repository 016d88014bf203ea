import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { HELLO, type TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

const CAPABLE = { capabilities: [...HELLO.capabilities, 'control'] };

async function up(name: string): Promise<TestAgent> {
  const agent = await fixture.enroll(name);
  await agent.connect(CAPABLE);
  agent.report();
  agent.send({ kind: 'check', message: { isFirst: true } });
  await agent.expect('hold');
  return agent;
}

function control(action: string, agents: readonly string[]) {
  return fixture.call('POST', '/v1/agents/control', { body: { action, agents } });
}

test('A1: a pause reaches a connected agent at once, and ends by its word', async () => {
  const agent = await up('web-1');
  const { status, body } = await control('pause', ['web-1']);
  expect(status).toBe(202);
  expect(body.results).toMatchObject([{ agent: 'web-1', outcome: 'ordered' }]);
  const command = await agent.expect('command');
  expect(command).toMatchObject({ control: { action: 'pause' } });
  agent.send({ kind: 'accept', message: command });
  agent.finish(command);
  await agent.expect('outputAck');
  const { id } = body.results[0].command;
  const shown = await fixture.call('GET', `/v1/commands/${id}`);
  expect(shown.body.command).toMatchObject({ kind: 'pause', version: null, state: 'succeeded' });
});

test('A1: each is answered for itself: ordered, nothing to do, refused with its reason', async () => {
  await up('web-1');
  await fixture.enroll('web-2');
  const restarts = await control('restart', ['web-1', 'web-2']);
  expect(restarts.body.results).toMatchObject([
    { agent: 'web-1', outcome: 'ordered' },
    { agent: 'web-2', outcome: 'refused', code: 'agent-down' },
  ]);
  const resumes = await control('resume', ['web-1', 'web-2']);
  expect(resumes.body.results).toMatchObject([
    { agent: 'web-1', outcome: 'nothing' },
    { agent: 'web-2', outcome: 'ordered', command: { holdReason: 'agent-down' } },
  ]);
  expect((await control('pause', ['web-1', 'nobody'])).body).toMatchObject({ code: 'not-found' });
});

test('an agent of an earlier minor version is never sent what it does not know', async () => {
  const agent = await fixture.enroll('web-1');
  await agent.connect();
  agent.report();
  const { body } = await control('pause', ['web-1']);
  expect(body.results).toMatchObject([{ outcome: 'refused', code: 'capability-missing' }]);
});

test('C19: a host that has a command which is revoked hears so at once, and again with its next report', async () => {
  const agent = await up('web-1');
  await fixture.call('POST', '/v1/agents/web-1/upgrade', { body: { version: '2.0.0' } });
  const command = await agent.expect('command');
  const { commandId, attempt } = command;
  agent.send({ kind: 'accept', message: { commandId, attempt } });
  agent.send({ kind: 'permission', message: { commandId, attempt, point: 'drain' } });
  await agent.expect('granted');
  const { body } = await fixture.call('POST', `/v1/commands/${commandId}/revoke`, { body: {} });
  expect(body).toMatchObject({ effect: 'stopped', command: { state: 'revoked' } });
  const denial = { commandId, attempt, reason: 'revoked', isFinal: true };
  expect(await agent.expect('denied')).toMatchObject(denial);
  await agent.close();
  await agent.connect(CAPABLE);
  const upgrade = { commandId, attempt, component: 'agent', step: 'fetching', isHealthy: false };
  agent.report({ upgrade: { ...upgrade, detail: '', bytesDone: 0, bytesTotal: 0 } });
  expect(await agent.expect('denied')).toMatchObject(denial);
});

test('O2: a removed agent is sent away', async () => {
  const agent = await up('web-1');
  const { body } = await fixture.call('POST', '/v1/agents/remove', { body: { agents: ['web-1'] } });
  expect(body.results).toEqual([{ agent: 'web-1', outcome: 'removed', code: null, message: null }]);
  expect((await agent.expect('goodbye')).reason).toBe('decommissioned');
  expect((await fixture.call('GET', '/v1/agents/web-1')).status).toBe(404);
});
