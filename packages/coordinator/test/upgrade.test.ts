import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { DIGEST_1, DIGEST_2, type TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

async function upgradeThrough(agent: TestAgent): Promise<string> {
  const command = await agent.expect('command');
  const { commandId, attempt } = command;
  agent.send({ kind: 'accept', message: { commandId, attempt } });
  agent.send({
    kind: 'progress',
    message: {
      commandId,
      attempt,
      step: 'fetching',
      detail: '',
      bytesDone: 5,
      bytesTotal: 10,
      holdReason: '',
    },
  });
  agent.send({ kind: 'permission', message: { commandId, attempt, point: 'drain' } });
  expect((await agent.expect('granted')).point).toBe('drain');
  agent.send({ kind: 'permission', message: { commandId, attempt, point: 'switch' } });
  expect((await agent.expect('granted')).point).toBe('switch');
  await agent.close();
  await fixture.clock.advance(400);
  agent.slot = { version: command.autoUpgrade?.version ?? '', digest: DIGEST_2 };
  await agent.connect({ commandNonce: command.autoUpgrade?.nonce ?? '' });
  agent.reportProbation(command, false);
  agent.reportProbation(command, true);
  expect(await agent.expect('confirm')).toEqual({ commandId, attempt });
  agent.finish(command);
  expect(await agent.expect('outputAck')).toMatchObject({ epoch: 'e1' });
  expect(await agent.expect('cleanup')).toEqual({ component: 'agent', commandId });
  return commandId;
}

describe('an upgrade by hand', () => {
  test('is sent at once, attested, confirmed, finished and cleaned up after', async () => {
    const agent = await fixture.enroll('web-1');
    await agent.connect();
    agent.report();
    const ordered = await fixture.call('POST', '/v1/agents/web-1/upgrade', {
      body: { version: '2.0.0', why: 'because' },
    });
    expect(ordered.status).toBe(202);
    expect(ordered.body).toMatchObject({ isNew: true, command: { state: 'sent', why: 'because' } });
    const id = await upgradeThrough(agent);
    const { body } = await fixture.call('GET', `/v1/commands/${id}`);
    expect(body.command).toMatchObject({
      state: 'succeeded',
      outcome: 'succeeded',
      version: '2.0.0',
    });
    expect(body.attempts).toMatchObject([
      { from: '1.0.0', to: '2.0.0', gapMs: 400, outcome: 'succeeded', bytesFetched: 10 },
    ]);
    expect(await fixture.historyKinds('web-1')).toEqual([
      'enrolled',
      'command-queued',
      'command-sent',
      'command-accepted',
      'command-running',
      'permission-granted',
      'permission-granted',
      'attested',
      'confirmed',
      'command-succeeded',
      'version-given',
    ]);
    const why = await fixture.call('GET', '/v1/agents/web-1/why');
    expect(why.body).toEqual({ reasons: [] });
  });

  test('C10: a version that shows another digest is rejected, and its report of success is not believed', async () => {
    const agent = await fixture.enroll('web-1');
    await agent.connect();
    agent.report();
    await fixture.call('POST', '/v1/agents/web-1/upgrade', { body: { version: '2.0.0' } });
    const command = await agent.expect('command');
    agent.send({ kind: 'accept', message: command });
    await agent.close();
    agent.slot = { version: '2.0.0', digest: DIGEST_1 };
    await agent.connect({ commandNonce: command.autoUpgrade?.nonce ?? '' });
    expect((await agent.expect('reject')).reason).toContain(DIGEST_2);
    agent.reportProbation(command, true);
    expect((await agent.expect('reject')).commandId).toBe(command.commandId);
    agent.finish(command);
    await agent.expect('outputAck');
    const { body } = await fixture.call('GET', `/v1/commands/${command.commandId}`);
    expect(body.command).toMatchObject({ state: 'failed', code: 'not-attested' });
  });
});

test('R23: what a host has refused is held, with the command that frees it as it can be typed', async () => {
  const agent = await fixture.enroll('web-1');
  await agent.connect();
  const refused = [{ version: '2.0.0', digest: DIGEST_2 }];
  const current = { version: '1.0.0', digest: DIGEST_1 };
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
  agent.send({ kind: 'check', message: { isFirst: true } });
  await agent.expect('hold');
  const order = (isForced: boolean) =>
    fixture.call('POST', '/v1/agents/web-1/upgrade', { body: { version: '2.0.0', isForced } });
  expect((await order(false)).body.command).toMatchObject({ holdReason: 'refused-here' });
  const { body } = await fixture.call('GET', '/v1/agents/web-1/why');
  expect(body.reasons).toMatchObject([
    {
      reason: 'refused-here',
      freedBy: expect.stringMatching(
        /^moult history web-1 \(.+good after all, moult agents upgrade web-1 --to 2.0.0 --force\)$/,
      ),
    },
  ]);
  await order(true);
  expect((await agent.expect('command')).autoUpgrade).toMatchObject({ isForced: true });
});

describe('a choice', () => {
  test('C9, RO51: reaches connected agents at once, a canary before the others', async () => {
    const one = await fixture.enroll('web-1');
    const two = await fixture.enroll('web-2');
    for (const agent of [one, two]) {
      await agent.connect();
      agent.report();
      agent.send({ kind: 'check', message: { isFirst: true } });
      expect(await agent.expect('hold')).toEqual({ reason: '', detail: '' });
    }
    const chosen = await fixture.call('PUT', '/v1/fleet/desired/agent', {
      body: { version: '2.0.0', why: 'new' },
    });
    expect(chosen.body).toMatchObject({
      commands: [],
      rollout: { name: 'fleet-agent-2.0.0', agents: 2, waves: 2 },
    });
    two.send({ kind: 'check', message: { isFirst: false } });
    expect((await two.expect('hold')).reason).not.toBe('');
    await upgradeThrough(one);
    await upgradeThrough(two);
    one.send({ kind: 'check', message: { isFirst: false } });
    expect(await one.expect('hold')).toEqual({ reason: '', detail: '' });
  });
});
