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

test('R23: a command that a paused rollout holds names the rollout, and so does a refused order', async () => {
  await up('web-1', 'Paused');
  await rollOut('spring', { waves: [{ kind: 'rest' }] });
  const again = await fixture.call('POST', '/v1/rollouts/spring/start', { body: {} });
  expect(again.body).toMatchObject({ code: 'rollout-state' });
  expect(again.body.remedy).toContain('`moult rollouts status spring`');
  const nobody = await fixture.call('GET', '/v1/rollouts/nothing/why');
  expect(nobody).toMatchObject({ status: 404, body: { code: 'not-found' } });
});
