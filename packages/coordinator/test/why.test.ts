/* R23: for each agent that does not run what it should, one reason of the closed list and what frees it. */
import type { Reason } from '@moult/api';
import type { Report } from '@moult/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { DIGEST_1, HELLO, type TestAgent } from './support/test-agent.ts';

const DIGEST_3 = '3'.repeat(64);

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

async function up(name: string, group = name): Promise<TestAgent> {
  const agent = await fixture.enroll(name, { group });
  await agent.connect();
  agent.report();
  await checked(agent);
  return agent;
}

/** What was sent before is taken in. */
async function checked(agent: TestAgent): Promise<void> {
  agent.send({ kind: 'check', message: { isFirst: false } });
  await agent.expect('hold');
}

async function why(name: string): Promise<Reason> {
  const { body } = await fixture.call('GET', `/v1/agents/${name}/why`);
  expect(body.reasons).toHaveLength(1);
  return body.reasons[0];
}

async function marks(name: string): Promise<readonly string[]> {
  return (await fixture.call('GET', `/v1/agents/${name}`)).body.marks;
}

async function order(name: string, version = '2.0.0') {
  const body = { version };
  return (await fixture.call('POST', `/v1/agents/${name}/upgrade`, { body })).body.command;
}

/** Null takes the choice back. */
async function choose(path: string, version: string | null): Promise<void> {
  const { status } = await fixture.call('PUT', `/v1/${path}desired/agent`, { body: { version } });
  expect(status).toBe(200);
}

async function accepted(agent: TestAgent) {
  const command = await agent.expect('command');
  const { commandId, attempt } = command;
  agent.send({ kind: 'accept', message: { commandId, attempt } });
  return command;
}

function upgradeAt(
  of: { readonly commandId: string; readonly attempt: number },
  step: string,
  detail = '',
): Partial<Report> {
  const { commandId, attempt } = of;
  const numbers = { bytesDone: 0, bytesTotal: 0, isHealthy: false };
  return { upgrade: { commandId, attempt, component: 'agent', step, detail, ...numbers } };
}

test('R23: who waits for a turn is told who has it, and how to take it from one that is Down', async () => {
  const first = await up('web-1', 'web');
  await up('web-2', 'web');
  await choose('agents/web-1/', '2.0.0');
  const { commandId } = await accepted(first);
  await choose('agents/web-2/', '2.0.0');
  const waiting = await why('web-2');
  expect(waiting).toMatchObject({ reason: 'awaiting-turn', freedBy: null });
  expect(waiting.detail).toContain(`web-1 has the turn with command ${commandId}`);

  await first.close();
  const freedBy = `moult commands revoke ${commandId}`;
  const down = await why('web-2');
  expect(down).toMatchObject({ reason: 'awaiting-turn', freedBy });
  expect(down.detail).toMatch(/and is Down, last seen 20/);
  expect(await why('web-1')).toMatchObject({ reason: 'agent-down', freedBy });
});

test('R23: what a person took back says so, and how to order it again', async () => {
  const agent = await up('web-1');
  agent.report({ state: 'Paused' });
  await checked(agent);
  await choose('agents/web-1/', '2.0.0');
  const paused = await why('web-1');
  expect(paused).toMatchObject({ reason: 'paused', freedBy: 'moult agents resume web-1' });
  await fixture.call('POST', `/v1/commands/${paused.commandId}/skip`, { body: { why: 'not now' } });
  expect(await why('web-1')).toMatchObject({
    reason: 'taken-back',
    detail: 'not now',
    freedBy: 'moult agents upgrade web-1 --to 2.0.0',
  });
});

test('C9: what gave way to another choice is ordered again when that is withdrawn', async () => {
  const agent = await up('web-1');
  agent.report({ state: 'Paused' });
  await checked(agent);
  await fixture.publish('3.0.0', DIGEST_3);
  await choose('fleet/', '2.0.0');
  await fixture.coordinator.settled();
  const { commandId } = await why('web-1');
  await choose('agents/web-1/', '3.0.0');
  expect((await why('web-1')).commandId).not.toBe(commandId);
  expect((await fixture.call('GET', `/v1/commands/${commandId}`)).body.command).toMatchObject({
    state: 'skipped',
    outcome: 'outdated',
  });
  await choose('agents/web-1/', null);
  await fixture.coordinator.settled();
  const again = await why('web-1');
  expect(again).toMatchObject({ reason: 'paused', text: 'the agent is paused' });
  expect((await fixture.call('GET', `/v1/commands/${again.commandId}`)).body.command).toMatchObject(
    { state: 'queued', version: '2.0.0' },
  );
});

test('R23: an agent that was never seen says so', async () => {
  await fixture.enroll('new-1');
  await order('new-1');
  expect(await why('new-1')).toMatchObject({
    reason: 'agent-down',
    detail: 'never seen',
    freedBy: null,
    isWaitingForHost: true,
  });
});

test('R23: the next try of a choice that failed before the switch has its time', async () => {
  const agent = await up('web-1');
  await choose('agents/web-1/', '2.0.0');
  const command = await accepted(agent);
  agent.finish(command, { outcome: 'failed', code: 'disk-full', message: 'no space' });
  await agent.expect('outputAck');
  agent.report();
  await checked(agent);
  const dueMs = fixture.clock.nowMs() + 3_600_000;
  expect(await why('web-1')).toMatchObject({
    reason: 'retry-backoff',
    detail: `next try ${new Date(dueMs).toISOString()}`,
    freedBy: 'moult agents upgrade web-1 --to 2.0.0',
  });
});

test('R23: what the host says of its own tries is passed on', async () => {
  const agent = await up('web-1');
  await order('web-1');
  const command = await accepted(agent);
  const freedBy = `moult commands revoke ${command.commandId}`;
  const said: readonly (readonly [string, string, Partial<Reason>])[] = [
    ['preflight', '', { reason: 'upgrading' }],
    [
      'preflight',
      'disk-full: no space',
      { reason: 'preflight-failed', detail: 'disk-full: no space' },
    ],
    ['fetching', 'fetch-failed: reset', { reason: 'retry-backoff', freedBy }],
    ['probation', '', { reason: 'in-probation' }],
  ];
  for (const [step, detail, expected] of said) {
    agent.report(upgradeAt(command, step, detail));
    agent.send({ kind: 'check', message: { isFirst: false } });
    await agent.expect('hold');
    expect(await why('web-1')).toMatchObject(expected);
  }
});

test('R23 H15: an agent that never said that it can upgrade itself is upgraded by hand', async () => {
  const agent = await fixture.enroll('old-1');
  await agent.connect({ capabilities: HELLO.capabilities.filter((one) => one !== 'auto-upgrade') });
  agent.report();
  await checked(agent);
  await order('old-1');
  expect(await why('old-1')).toMatchObject({
    reason: 'manual-upgrade-required',
    freedBy: 'install the current version on the host by hand',
  });
  expect(await marks('old-1')).toEqual(['manual upgrade required']);
});

test('H5: an agent that never said that it shows Upgrading is sent upgrades, and is shown so', async () => {
  const agent = await fixture.enroll('old-1');
  expect(await marks('old-1')).toEqual([]);
  await agent.connect({
    capabilities: HELLO.capabilities.filter((one) => one !== 'upgrading-state'),
  });
  agent.report();
  await order('old-1');
  expect((await accepted(agent)).autoUpgrade).toMatchObject({ version: '2.0.0' });
  expect(await marks('old-1')).toEqual(['no Upgrading state']);
});

test('R23: a host that shows another version after two repairs is left to a person', async () => {
  const agent = await up('web-1');
  await order('web-1', '1.0.0');
  const given = await accepted(agent);
  agent.finish(given, { outcome: 'already-there' });
  await agent.expect('outputAck');
  await fixture.publish('1.0.1', DIGEST_3);
  agent.slot = { version: '1.0.1', digest: DIGEST_3 };
  for (let repair = 1; repair <= 2; repair += 1) {
    await agent.close();
    await agent.connect();
    // As agents begin: a command that went out over the session before is sent again by this.
    agent.send({ kind: 'check', message: { isFirst: true } });
    agent.report();
    const command = await accepted(agent);
    expect(command.autoUpgrade).toMatchObject({ version: '1.0.0', isForced: true });
    agent.finish(command, { outcome: 'rolled-back', code: 'crashed' });
    await agent.expect('outputAck');
  }
  agent.report();
  await checked(agent);
  expect(await why('web-1')).toMatchObject({
    reason: 'repair-exhausted',
    freedBy: 'moult agents upgrade web-1 --force',
  });
  const current = agent.slot;
  const refused = [{ version: '1.0.0', digest: DIGEST_1 }];
  const component = {
    component: 'agent',
    current,
    previous: null,
    refused,
    trialAttemptId: '',
    rolledBack: null,
    changed: [],
    changedCount: 0,
  };
  agent.report({ components: [component] });
  await checked(agent);
  expect(await why('web-1')).toMatchObject({ reason: 'refused-here' });
});
