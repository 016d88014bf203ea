/* What is told of a rollout: why it does not go on, and what it did. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import type { TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

async function up(name: string, state?: 'Paused'): Promise<TestAgent> {
  const agent = await fixture.enroll(name, { group: name });
  await agent.connect();
  agent.report(state === undefined ? {} : { state });
  agent.send({ kind: 'check', message: { isFirst: false } });
  await agent.expect('hold');
  return agent;
}

async function rollOut(name: string, spec: object = {}): Promise<void> {
  const body = { select: 'agent=*', version: '2.0.0', name, spec };
  expect((await fixture.call('POST', '/v1/rollouts', { body })).status).toBe(201);
  await act(name, 'start');
}

async function act(name: string, what: string): Promise<void> {
  const { status } = await fixture.call('POST', `/v1/rollouts/${name}/${what}`, { body: {} });
  expect(status).toBe(200);
}

async function whyOf(name: string) {
  return (await fixture.call('GET', `/v1/rollouts/${name}/why`)).body.reasons;
}

test('R23: each agent of a rollout that has not finished has a reason, and what frees it with its name', async () => {
  await up('web-1', 'Paused');
  const agent = await up('web-2');
  await rollOut('spring', { waves: [{ kind: 'rest' }] });
  const { commandId } = await agent.expect('command');
  await expect
    .poll(() => whyOf('spring'))
    .toMatchObject([
      { about: 'rollout', reason: 'upgrading', freedBy: null },
      { reason: 'paused', agents: 1, names: ['web-1'], freedBy: 'moult agents resume web-1' },
      { reason: 'upgrading', agents: 1, names: ['web-2'] },
    ]);
  await act('spring', 'pause');
  const [paused] = await whyOf('spring');
  expect(paused).toMatchObject({
    ...{ about: 'rollout', reason: 'rollout-paused', freedBy: 'moult rollouts resume spring' },
  });
  expect(commandId).not.toBe('');
});

test('R23: who waits for a turn in a rollout is told so by why, and a paused one names itself', async () => {
  await up('web-1');
  await up('web-2');
  await rollOut('spring');
  const why = async () => (await fixture.call('GET', '/v1/agents/web-2/why')).body.reasons;
  await expect.poll(why).toMatchObject([
    {
      ...{ reason: 'awaiting-gate', freedBy: null, commandId: null },
      detail: 'spring',
    },
  ]);
  await act('spring', 'pause');
  expect(await why()).toMatchObject([
    { reason: 'rollout-paused', freedBy: 'moult rollouts resume spring' },
  ]);
  await act('spring', 'cancel');
  expect(await why()).toEqual([]);
});

test('R23: an agent that has failed in a rollout is told so by why, and nobody else is', async () => {
  const agent = await up('web-1');
  await up('web-2');
  await rollOut('spring', { waves: [{ kind: 'count', count: 1 }, { kind: 'rest' }] });
  const command = await agent.expect('command');
  const { commandId, attempt } = command;
  agent.send({ kind: 'accept', message: { commandId, attempt } });
  agent.finish(command, { outcome: 'rolled-back', code: 'crashed', message: 'it ended' });
  await agent.expect('outputAck');
  const why = async (name: string) =>
    (await fixture.call('GET', `/v1/agents/${name}/why`)).body.reasons;
  const view = async () => (await fixture.call('GET', '/v1/rollouts/spring')).body.state;
  await expect.poll(view).toBe('halted');
  expect(await why('web-1')).toMatchObject([
    {
      ...{ reason: 'failed-in-rollout', commandId, component: 'agent' },
      detail: 'spring: rolled back (crashed): it ended',
      freedBy: 'moult rollouts report spring --agent web-1',
    },
  ]);
  expect(await why('web-2')).toMatchObject([{ reason: 'rollout-halted' }]);
  // It waits for nothing, and is told nothing of it.
  agent.send({ kind: 'check', message: { isFirst: false } });
  expect(await agent.expect('hold')).toMatchObject({ reason: '' });
  await act('spring', 'cancel');
  expect(await why('web-1')).toEqual([]);
});

test('R23: a command that a paused rollout holds names the rollout, and so does a refused order', async () => {
  await up('web-1', 'Paused');
  await rollOut('spring', { waves: [{ kind: 'rest' }] });
  const again = await fixture.call('POST', '/v1/rollouts/spring/start', { body: {} });
  expect(again.body).toMatchObject({ code: 'rollout-state' });
  expect(again.body.remedy).toContain('`moult rollouts status spring`');
  const nobody = await fixture.call('GET', '/v1/rollouts/nothing/why');
  expect(nobody).toMatchObject({ status: 404, body: { code: 'not-found' } });
});

test('R18: a report has totals, each command and its end, who is at it, and who did what to it and why', async () => {
  const paused = await up('web-1', 'Paused');
  await up('web-2');
  const agent = await up('web-3');
  await rollOut('spring', { waves: [{ kind: 'rest' }] });
  const skip = '/v1/rollouts/spring/agents/web-2/skip';
  await fixture.call('POST', skip, { body: { why: 'under repair' } });
  const { commandId, attempt } = await agent.expect('command');
  agent.send({ kind: 'accept', message: { commandId, attempt } });
  const at = async () => (await fixture.call('GET', '/v1/rollouts/spring/report')).body;
  await expect.poll(at).toMatchObject({
    rollout: { name: 'spring', counts: { upgrading: 1, parked: 1, skipped: 1 } },
    platforms: [{ counts: { upgrading: 1, parked: 1, skipped: 1 } }],
    groups: [{ group: 'web-1' }, { group: 'web-2' }, { group: 'web-3', counts: { upgrading: 1 } }],
    commands: 3,
    upgrading: [{ agent: 'web-3', tries: 1 }],
    lately: [{ agent: 'web-2', state: 'skipped' }],
  });
  const upgrade = { commandId, attempt, component: 'agent', step: 'fetching' };
  const rest = { isHealthy: false, detail: '', bytesDone: 0, bytesTotal: 0 };
  agent.report({ state: 'Upgrading', upgrade: { ...upgrade, ...rest } });
  await expect.poll(at).toMatchObject({
    upgrading: [{ agent: 'web-3', step: 'fetching' }],
    lately: [{ agent: 'web-2', step: null }],
  });
  const { acts } = await at();
  expect(acts.map(({ kind }: { kind: string }) => kind)).toEqual([
    'rollout-pending',
    'rollout-running',
    'rollout-agent-skipped',
  ]);
  expect(acts[2]).toMatchObject({ agent: 'web-2', why: 'under repair' });
  const { commands, next } = (await fixture.call('GET', '/v1/rollouts/spring/commands')).body;
  expect(next).toBeNull();
  expect(commands).toHaveLength(3);
  // Who is sent a command is at it, before it has been accepted.
  const one = `/v1/rollouts/spring/commands?agent=web-3`;
  await expect
    .poll(async () => (await fixture.call('GET', one)).body.commands)
    .toMatchObject([{ commandId, agent: 'web-3', to: '2.0.0', state: 'accepted', endedMs: null }]);
  const ofAll = (await fixture.call('GET', '/v1/history?rollout=spring&limit=1000')).body.entries;
  expect(ofAll.map(({ kind }: { kind: string }) => kind)).toContain('command-accepted');
  const attempts = (await fixture.call('GET', '/v1/attempts?rollout=spring')).body.attempts;
  expect(attempts).toMatchObject([{ agent: 'web-3' }]);
  await paused.close();
});
