/* Agents that have seen more than their coordinator has, over real sockets. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { DIGEST_2, type TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

const TRIAL = { commandId: '01lostorder', attempt: 1, notAfterMs: 0, generation: 0, position: 0 };

/** What it has seen: the first life of the store, further than there is. */
async function beyond() {
  const { position } = await fixture.store.read('storeLife', null);
  return { generationSeen: 1, positionSeen: position + 50 };
}

async function restored(): Promise<void> {
  const order = { nowMs: fixture.clock.nowMs(), principal: 'restore', why: 'a test' };
  await fixture.store.write('beginLife', { ...order, origin: 'restored', aboveGeneration: 0 });
}

/** The lost life went on: counter and ticket are of it. */
function goneOn(agent: TestAgent): void {
  agent.counter += 40;
  agent.ticket = 'abcd';
}

describe('a coordinator behind its agents', () => {
  test('RS2, RS4: welcomes whoever is ahead, holds all orders, and goes on when it is adopted', async () => {
    const agent = await fixture.enroll('web-1');
    await agent.connect();
    await agent.close();
    await restored();
    goneOn(agent);
    agent.slot = { version: '2.0.0', digest: DIGEST_2 };
    const seen = await beyond();
    expect(await agent.connect(seen)).toMatchObject({ isValidated: true });
    agent.report();
    const order = { version: '1.0.0', isForced: true };
    const ordered = await fixture.call('POST', '/v1/agents/web-1/upgrade', { body: order });
    expect(ordered.body.command).toMatchObject({ holdReason: 'coordinator-restored' });
    const why = await fixture.call('GET', '/v1/agents/web-1/why');
    expect(why.body.reasons).toMatchObject([
      { reason: 'coordinator-restored', freedBy: 'moult coordinator adopt' },
    ]);
    const status = await fixture.call('GET', '/v1/coordinator');
    expect(status.body).toMatchObject({
      restore: { origin: 'restored', adoptedMs: null },
      agents: 1,
      seen: 1,
      ahead: [{ name: 'web-1', version: '2.0.0', isSettled: true }],
    });
    const adopted = await fixture.call('POST', '/v1/coordinator/adopt', { body: { why: 'seen' } });
    expect(adopted.body.restore).toMatchObject({ adoptedBy: 'admin' });
    expect((await agent.expect('command')).autoUpgrade?.version).toBe('1.0.0');
  });

  test('RS3: finds out by itself, and agents take its metadata at once (RS13)', async () => {
    const agent = await fixture.enroll('web-1');
    await agent.connect();
    await agent.close();
    goneOn(agent);
    const metadata = () => fixture.call('GET', '/tuf/metadata/timestamp.json', { token: null });
    const before = (await metadata()).body.signed.version;
    const welcome = await agent.connect(await beyond());
    expect(welcome?.generation).toBeGreaterThan(1);
    const { body } = await fixture.call('GET', '/v1/coordinator');
    expect(body.restore).toMatchObject({
      origin: 'noticed',
      why: expect.stringContaining('web-1'),
    });
    await fixture.coordinator.renew();
    expect((await metadata()).body.signed.version).toBeGreaterThan(before + 900);
  });

  test('a generation beyond all sense is no frame of an agent', async () => {
    const agent = await fixture.enroll('web-1');
    expect(await agent.connect({ generationSeen: Number.MAX_SAFE_INTEGER })).toBeNull();
    expect(await agent.connection?.ended()).toBe('invalid-frame');
  });

  test('RS8: confirms a version on trial for a lost order once its release is published here', async () => {
    const agent = await fixture.enroll('web-1');
    await agent.connect();
    agent.report();
    await agent.close();
    await restored();
    goneOn(agent);
    agent.slot = { version: '3.0.0', digest: '3'.repeat(64) };
    const seen = await beyond();
    await agent.connect({ ...seen, commandNonce: 'ee' });
    agent.reportProbation(TRIAL as never, true);
    agent.send({ kind: 'check', message: { isFirst: true } });
    await agent.expect('hold');
    const { body } = await fixture.call('GET', '/v1/agents/web-1/why');
    expect(body.reasons).toMatchObject([{ component: 'agent', reason: 'release-missing' }]);
    await fixture.publish('3.0.0', '3'.repeat(64));
    agent.reportProbation(TRIAL as never, true);
    expect(await agent.expect('confirm')).toMatchObject({ commandId: TRIAL.commandId });
    agent.finish(TRIAL as never);
    await agent.expect('outputAck');
    const command = await fixture.call('GET', `/v1/commands/${TRIAL.commandId}`);
    expect(command.body.command).toMatchObject({
      state: 'succeeded',
      origin: 'adopted',
      version: '3.0.0',
    });
  });

  test('RS15: output of a new epoch is taken from its beginning, and history says so', async () => {
    const agent = await fixture.enroll('web-1');
    await agent.connect();
    const output = async (epoch: string, sequence: number) => {
      agent.sendFinish(TRIAL, { epoch, sequence });
      return await agent.expect('outputAck');
    };
    expect(await output('e1', 1)).toMatchObject({ epoch: 'e1', lastSequence: 1 });
    await agent.close();
    await restored();
    goneOn(agent);
    expect(await agent.connect(await beyond())).toMatchObject({ outputEpoch: 'e1' });
    expect(await output('e2', 1)).toMatchObject({ epoch: 'e2', lastSequence: 1 });
    expect(await fixture.historyKinds('web-1')).toContain('output-epoch');
  });
});

describe('hosts that change', () => {
  test('RS10: the session of a replaced instance ends, and its key is refused', async () => {
    const old = await fixture.enroll('web-1', { group: 'web' });
    await old.connect();
    const text = await fixture.createToken({ replaces: 'web-1', validates: true });
    const fresh = await fixture.enroll('web-2');
    const answer = await fixture.enrollWith(fresh, { name: 'x', token: text });
    expect(answer.body.code).toBe('key-enrolled');
    const made = await fixture.enrollNew({ name: 'localhost', token: text });
    expect(made.answer.body).toMatchObject({ name: 'web-1', group: 'web' });
    expect(await old.connection?.ended()).toBe('decommissioned');
    for (const purpose of ['serve', 'probe'] as const) {
      expect(await old.connect({ purpose })).toBeNull();
      expect(await old.connection?.ended()).toBe('decommissioned');
    }
    expect(await made.agent.connect()).toMatchObject({ agentName: 'web-1' });
  });

  test('RS11: a renamed agent is told its name, and may say the old one', async () => {
    const agent = await fixture.enroll('web-1');
    await agent.connect({ agentName: 'web-1' });
    const renamed = await fixture.call('POST', '/v1/agents/web-1/rename', {
      body: { newName: 'db-1' },
    });
    expect(renamed.body).toMatchObject({ name: 'db-1', instanceId: agent.instanceId });
    agent.send({ kind: 'check', message: { isFirst: true } });
    await agent.expect('hold');
    await agent.close();
    expect(await agent.connect({ agentName: 'web-1' })).toMatchObject({ agentName: 'db-1' });
    expect((await fixture.call('GET', '/v1/agents/web-1')).status).toBe(404);
  });

  test('RS12: a quarantine names the command that lifts it, and is lifted by it', async () => {
    const agent = await fixture.enroll('web-1');
    await agent.connect();
    await agent.close();
    agent.counter = 0;
    expect(await agent.connect()).toBeNull();
    await fixture.call('POST', '/v1/agents/web-1/upgrade', { body: { version: '2.0.0' } });
    const why = await fixture.call('GET', '/v1/agents/web-1/why');
    expect(why.body.reasons).toMatchObject([
      { reason: 'quarantined', freedBy: 'moult agents release-quarantine web-1' },
    ]);
    const freed = await fixture.call('POST', '/v1/agents/web-1/release-quarantine', { body: {} });
    expect(freed.body.marks).toEqual([]);
    expect(await agent.connect()).not.toBeNull();
  });
});
