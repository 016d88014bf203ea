/* Rollouts before they run, as whoever uses the API meets them: drafts, plans that go stale, times, and what is refused. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Fixture } from './support/fixture.ts';
import { DIGEST_2, type TestAgent } from './support/test-agent.ts';

/** Of a hang, not of speed: the machines are shared. */
const HANG_MS = 20_000;
const ASKED = { select: 'group=eu', version: '2.0.0', name: 'spring' };

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

/** In eu, with version 1.0.0. */
async function host(name: string): Promise<TestAgent> {
  const agent = await fixture.enroll(name, { group: 'eu' });
  await agent.connect();
  agent.report();
  await vi.waitUntil(
    async () => {
      const view = await fixture.store.read('agentByName', name);
      return view !== null && view.instance.upgrade_since_ms !== null;
    },
    { timeout: HANG_MS },
  );
  return agent;
}

const post = (path: string, body: unknown = {}, token?: string) =>
  fixture.call('POST', `/v1/rollouts${path}`, { body, ...(token === undefined ? {} : { token }) });

async function stateOf(name: string): Promise<string> {
  return (await fixture.call('GET', `/v1/rollouts/${name}`)).body.state;
}

async function whenState(name: string, state: string): Promise<void> {
  await vi.waitUntil(async () => (await stateOf(name)) === state, { timeout: HANG_MS });
}

describe('R4: drafts', () => {
  test('a draft is kept for a selector that matches nobody yet, edited, planned and started', async () => {
    const made = await post('', { ...ASKED, isDraft: true });
    expect(made).toMatchObject({ status: 201, body: { state: 'draft', plannedMs: null } });
    const empty = await post('/spring/plan');
    expect(empty.body).toMatchObject({
      code: 'rollout-empty',
      detail: expect.stringContaining(
        'spring is a draft: nobody would be upgraded to agent 2.0.0: 0 run it already, 0 cannot',
      ),
    });
    expect(await stateOf('spring')).toBe('draft');
    await host('a');
    await host('b');
    const edited = await post('/spring/edit', { spec: { soakMs: 1000 }, why: 'slower' });
    expect(edited.body).toMatchObject({
      ...{ state: 'pending', why: 'slower', counts: { waiting: 2 }, editedBy: 'admin' },
      spec: { soakMs: 1000 },
    });
    const started = await post('/spring/start');
    expect(started).toMatchObject({ status: 200, body: { state: 'running' } });
  });

  test('a plan that was ordered is finished by the next coordinator', async () => {
    await host('a');
    const made = await post('', { ...ASKED, isDraft: true });
    await fixture.coordinator.stop();
    const order = { nowMs: fixture.clock.nowMs(), principal: 'ann', why: '' };
    await fixture.store.write('orderPlan', { ...order, rollout: made.body.id });
    await fixture.restart();
    expect(await stateOf('spring')).toBe('planning');
    await fixture.clock.advance(1_000);
    await whenState('spring', 'pending');
  });

  test('the same key gives the same rollout, also where its selector matches nobody by then', async () => {
    await host('a');
    const body = { ...ASKED, select: 'group=eu and version=1.0.0', key: 'k1' };
    const first = await post('', body);
    const second = await post('', { ...body, select: 'group=eu and version=3.0.0' });
    expect(second).toMatchObject({ status: 201, body: { id: first.body.id } });
    expect((await fixture.call('GET', '/v1/rollouts')).body.rollouts).toHaveLength(1);
  });
});

describe('RO41: a plan that went stale', () => {
  test('is not started, says how it differs, and is planned again or started as it was', async () => {
    const a = await host('a');
    await host('b');
    await post('', ASKED);
    await host('c');
    Object.assign(a, { slot: { version: '2.0.0', digest: DIGEST_2 } });
    a.report();
    await vi.waitUntil(
      async () => {
        const view = await fixture.store.read('agentByName', 'a');
        return (
          view?.components.find(({ component }) => component === 'agent')?.current_version ===
          '2.0.0'
        );
      },
      { timeout: HANG_MS },
    );
    const refused = await post('/spring/start');
    expect(refused.body).toMatchObject({
      code: 'rollout-plan-stale',
      detail: 'since spring was planned it has changed who goes: 1 runs it already: a; 1 is new: c',
    });
    const again = await post('/spring/plan');
    expect(again.body).toMatchObject({
      rollout: { state: 'pending' },
      plan: { alreadyThere: ['a'] },
      difference: { alreadyThere: ['a'], cannot: [], gone: [], added: ['c'] },
    });
    await host('d');
    const started = await post('/spring/start', { asPlanned: true });
    expect(started.body).toMatchObject({ state: 'running', counts: { waiting: 2 } });
  });
});

describe('RO43: a start by time', () => {
  test('comes by itself, with whoever matches by then', async () => {
    await host('a');
    const startsMs = fixture.clock.nowMs() + 60_000;
    const made = await post('', { ...ASKED, startsMs });
    expect(made.body).toMatchObject({
      waitsFor: { reason: 'awaiting-time', untilMs: startsMs },
    });
    await host('b');
    await fixture.clock.advance(59_000);
    expect(await stateOf('spring')).toBe('pending');
    await fixture.clock.advance(2_000);
    await whenState('spring', 'running');
    const { body } = await fixture.call('GET', '/v1/rollouts/spring/agents');
    const names: string[] = body.agents.map(({ agent }: { agent: string }) => agent);
    expect(names.sort()).toEqual(['a', 'b']);
  });

  test('is not set for a time that has passed', async () => {
    await host('a');
    await post('', ASKED);
    const refused = await post('/spring/start', { startsMs: fixture.clock.nowMs() - 1 });
    expect(refused).toMatchObject({ status: 400, body: { code: 'rollout-start-past' } });
  });
});

describe('what is refused says what, which, and what to do next', () => {
  const cases: readonly (readonly [string, object, string, string])[] = [
    [
      'a selector that matches nobody',
      { select: 'group=us' },
      'nothing-selected',
      'no agent matches group=us',
    ],
    ['one that does not parse', { select: 'group=' }, 'selector-invalid', 'column'],
    [
      'an unknown version',
      { version: '9.9.9' },
      'desired-version-invalid',
      'agent 9.9.9 is not a published release',
    ],
    [
      'a threshold out of range',
      { spec: { successShareMin: 2 } },
      'request-invalid',
      'successShareMin',
    ],
    [
      'a time that has passed',
      { startsMs: 1 },
      'rollout-start-past',
      '1970-01-01T00:00:00.001Z has passed',
    ],
    [
      'late joiners by name',
      { select: undefined, agents: ['a'], spec: { takesLateJoiners: true } },
      'rollout-spec-invalid',
      'late joiners',
    ],
    [
      'an agent that there is not',
      { select: undefined, agents: ['z'] },
      'not-found',
      'there is no agent z',
    ],
  ];
  test.each(cases)('%s', async (_name, set, code, says) => {
    await host('a');
    const refused = await post('', { ...ASKED, ...set });
    expect(refused.body).toMatchObject({ code, detail: expect.stringContaining(says) });
    expect(refused.body.remedy.length).toBeGreaterThan(10);
    expect((await fixture.call('GET', '/v1/rollouts')).body.rollouts).toEqual([]);
  });
});

describe('N6: a simulation', () => {
  test('says who would go when, what stays in service, and that the time is assumed', async () => {
    for (const name of ['a', 'b', 'c']) await host(name);
    const { body } = await post('/simulate', { select: 'group=eu', version: '2.0.0' });
    const { ms } = body.upgrade;
    expect(body).toMatchObject({
      upgrade: { measured: 0 },
      endMs: 3 * ms,
      upgrades: [
        { agent: 'a', wave: 0, startMs: 0, endMs: ms },
        { agent: 'b', wave: 1, startMs: ms },
        { agent: 'c', wave: 1, startMs: 2 * ms },
      ],
      service: [{ group: 'eu', inService: 3, least: 2 }],
    });
    await post('', ASKED);
    const stored = await fixture.call('POST', '/v1/rollouts/spring/simulate');
    expect(stored.body).toEqual(body);
    await post('/spring/start');
    const late = await fixture.call('POST', '/v1/rollouts/spring/simulate');
    expect(late.body).toMatchObject({
      ...{ code: 'rollout-state' },
      detail: 'spring is running: what has started is not simulated',
    });
  });
});
