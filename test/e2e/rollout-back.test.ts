/* R8 on real agents: what fails after its commit is taken back by the coordinator. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BAD, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { RolloutWatch } from '../support/rollout-watch.ts';

const ROLLOUT_MS = 200_000;
const NAMES = ['eu-1', 'eu-2'] as const;

let fleet: RealFleet;
let watch: RolloutWatch;

beforeAll(async () => {
  fleet = await RealFleet.open('rollout-back');
  watch = new RolloutWatch(fleet, { timeoutMs: ROLLOUT_MS });
  await Promise.all(NAMES.map((name) => fleet.host(name, { group: 'eu' })));
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

async function moult(...args: readonly string[]): Promise<string> {
  return await fleet.coordinator.moultOk(['rollouts', ...args]);
}

test(
  'R8: a release that crashes once it is committed is taken back by the coordinator, and its rollout halts',
  async () => {
    const { client } = fleet.coordinator;
    const good = ['--to', GOOD[0], '--name', 'good', '--waves', 'rest', '--start'];
    await moult('create', 'group=eu', ...good);
    await watch.when('good', 'is over', ({ state }) => state === 'ended');
    const bad = ['--to', BAD.crashesOnceCommitted, '--name', 'bad', '--soak', '5m', '--start'];
    await moult('create', 'group=eu', ...bad);
    const halted = await watch.when('bad', 'is taken back', ({ state, counts }) => {
      return state === 'halted' && counts['rolled-back'] + counts.failed > 0;
    });
    expect(halted.counts).toMatchObject({ 'rolled-back': 1, waiting: 1 });
    expect(halted.failures).toEqual([{ kind: 'after-commit', count: 1 }]);
    const { components } = await client.getAgent({ params: { name: 'eu-1' } });
    const own = components.find(({ component }) => component === 'agent');
    expect(own?.current?.version).toBe(GOOD[0]);
    expect(await moult('report', 'bad')).toMatch(/eu-1 .*rolled back, after commit: its session/);
  },
  ROLLOUT_MS * 2,
);
