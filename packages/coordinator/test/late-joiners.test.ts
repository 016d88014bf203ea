/* P3: agents that match the selector of a rollout after its start. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';
import type { TestAgent } from './support/test-agent.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

async function up(name: string, group: string): Promise<TestAgent> {
  const agent = await fixture.enroll(name, { group });
  await agent.connect();
  agent.report();
  agent.send({ kind: 'check', message: { isFirst: true } });
  return agent;
}

async function rollout(name: string, select: string, spec: object): Promise<void> {
  const body = { name, select, version: '2.0.0', spec: { waves: [{ kind: 'rest' }], ...spec } };
  expect((await fixture.call('POST', '/v1/rollouts', { body })).status).toBe(201);
  const started = await fixture.call('POST', `/v1/rollouts/${name}/start`, { body: {} });
  expect(started.status).toBe(200);
}

async function agentsOf(name: string): Promise<readonly string[]> {
  const { body } = await fixture.call('GET', `/v1/rollouts/${name}/agents`);
  return body.agents.map(({ agent }: { agent: string }) => agent);
}

test('P3: whoever comes to match is taken along at once, or not, as chosen', async () => {
  const first = await up('eu-1', 'eu');
  await first.expect('hold');
  await (await up('us-1', 'us')).expect('hold');
  await rollout('taking', 'group=eu', { takesLateJoiners: true });
  await rollout('planned', 'group=us', {});
  await up('eu-2', 'eu');
  await (await up('us-2', 'us')).expect('hold');
  await expect.poll(() => agentsOf('taking'), { timeout: 10_000 }).toEqual(['eu-1', 'eu-2']);
  expect(await agentsOf('planned')).toEqual(['us-1']);
});

test('P3 SE7: whoever is labelled as the selector asks is taken along', async () => {
  await (await up('eu-1', 'eu')).expect('hold');
  await (await up('us-1', 'us')).expect('hold');
  const label = (agent: string) => {
    const body = { agents: [agent], set: { wave: 'x' } };
    return fixture.call('POST', '/v1/agents/label', { body });
  };
  expect(await label('eu-1')).toMatchObject({
    status: 200,
    body: { labelled: [{ agent: 'eu-1', labels: { wave: 'x' } }] },
  });
  await rollout('labelled', 'label.wave=x', { takesLateJoiners: true });
  expect(await agentsOf('labelled')).toEqual(['eu-1']);
  expect((await label('us-1')).status).toBe(200);
  await expect.poll(() => agentsOf('labelled'), { timeout: 10_000 }).toEqual(['eu-1', 'us-1']);
});

test('P3: whoever came between plan and start is taken along, too', async () => {
  await (await up('eu-1', 'eu')).expect('hold');
  const body = {
    ...{ name: 'early', select: 'group=eu', version: '2.0.0' },
    spec: { takesLateJoiners: true },
  };
  await fixture.call('POST', '/v1/rollouts', { body });
  await (await up('eu-2', 'eu')).expect('hold');
  expect(await agentsOf('early')).toEqual(['eu-1']);
  const asPlanned = { body: { asPlanned: true } };
  const started = await fixture.call('POST', '/v1/rollouts/early/start', asPlanned);
  expect(started.status).toBe(200);
  await expect.poll(() => agentsOf('early'), { timeout: 10_000 }).toEqual(['eu-1', 'eu-2']);
});
