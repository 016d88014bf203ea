/* Rollouts over groups of real agents, through the API that CLI and dashboard use. */
import type { Rollout } from '@moult/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { BAD, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const ROLLOUT_MS = 150_000;
const GROUPS = ['eu', 'us'] as const;
const EACH = 2;

let fleet: RealFleet;
const hosts = new Map<string, Host>();

beforeAll(async () => {
  fleet = await RealFleet.open('rollouts');
  const names = GROUPS.flatMap((group) =>
    Array.from({ length: EACH }, (_, index) => ({ group, name: `${group}-${index + 1}` })),
  );
  await Promise.all(
    names.map(async ({ name, group }) => {
      hosts.set(name, await fleet.host(name, { group }));
    }),
  );
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

async function whenRollout(
  name: string,
  what: string,
  isSo: (rollout: Rollout) => boolean,
): Promise<Rollout> {
  let last: Rollout | null = null;
  return await until(
    `the rollout ${name} ${what}`,
    async () => {
      last = await fleet.coordinator.client.getRollout({ params: { rollout: name } });
      return isSo(last) ? last : null;
    },
    { timeoutMs: ROLLOUT_MS, detail: () => JSON.stringify(last) },
  );
}

async function statesOf(name: string): Promise<Readonly<Record<string, string>>> {
  const { agents } = await fleet.coordinator.client.listRolloutAgents({
    params: { rollout: name },
    query: {},
  });
  return Object.fromEntries(agents.map(({ agent, state }) => [agent, state]));
}

async function versionOf(name: string): Promise<string | undefined> {
  const { components } = await fleet.coordinator.client.getAgent({ params: { name } });
  return components.find(({ component }) => component === 'agent')?.current?.version;
}

test(
  'R1 R4 R8: a release goes to a canary, then group by group, one of each at a time',
  async () => {
    const { client } = fleet.coordinator;
    const asked = { select: 'group in (eu, us)', version: GOOD[0] };
    const plan = await client.planRollout({ body: asked });
    expect(plan.members.map(({ agent, wave }) => [agent, wave])).toEqual([
      ['eu-1', 0],
      ['us-1', 1],
      ['eu-2', 1],
      ['us-2', 1],
    ]);
    const made = await client.createRollout({ body: { ...asked, name: 'good', why: 'monthly' } });
    expect(made).toMatchObject({ state: 'pending', counts: { waiting: 4 } });
    await client.startRollout({ params: { rollout: 'good' }, body: {} });
    const end = await whenRollout('good', 'is over', ({ state }) => state === 'ended');
    expect(end).toMatchObject({ outcome: 'ended-ok', counts: { done: 4 } });
    for (const name of hosts.keys()) expect(await versionOf(name)).toBe(GOOD[0]);
    const { agents } = await client.listRolloutAgents({ params: { rollout: 'good' }, query: {} });
    const times = (agent: string) => agents.find((one) => one.agent === agent);
    const [canary, ...others] = agents;
    for (const other of others)
      expect(other.startedMs).toBeGreaterThanOrEqual(canary?.endedMs ?? Number.NaN);
    expect(times('us-2')?.startedMs).toBeGreaterThanOrEqual(times('us-1')?.endedMs ?? Number.NaN);
  },
  ROLLOUT_MS,
);

test(
  'R3: a bad release stops at the canary, and nobody else is touched',
  async () => {
    const { client } = fleet.coordinator;
    const body = { select: 'group in (eu, us)', version: BAD.crashesAtStart, name: 'bad' };
    await client.createRollout({ body });
    await client.startRollout({ params: { rollout: 'bad' }, body: {} });
    const halted = await whenRollout('bad', 'is halted', ({ state }) => state === 'halted');
    expect(halted.stateWhy).toMatch(/1 failed, 0 may/);
    expect(await statesOf('bad')).toEqual({
      'eu-1': 'rolled-back',
      'eu-2': 'waiting',
      'us-1': 'waiting',
      'us-2': 'waiting',
    });
    const { agents } = await client.cancelRollout({ params: { rollout: 'bad' }, body: {} });
    expect(agents.map(({ answer }) => answer)).toEqual(['over', 'stopped', 'stopped', 'stopped']);
    for (const name of hosts.keys()) expect(await versionOf(name)).toBe(GOOD[0]);
  },
  ROLLOUT_MS,
);
