/*
 * kill -9 of the agent, of the launcher and of the coordinator in each state of an upgrade. The agent says which state it
 * enters (saved before it says so); the signal goes out at that word. Each upgrade is hit in several states, and
 * all of them end as if nothing had happened.
 */
import type { UpgradeStep } from '@moult/core/upgrade';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [VERSION] = GOOD;
/** Three hits cost a restart each; between crashes of the agent the launcher waits 1, 2 and 4 s. */
const HIT_MS = 60_000;
/** Fetching from a coordinator that is away is tried again after a minute. */
const COORDINATOR_HIT_MS = 150_000;

/** Every state that a good upgrade goes through, three hits an upgrade, none next to another. */
const HITS: readonly (readonly UpgradeStep[])[] = [
  ['preflight', 'rehearsed', 'probation'],
  ['fetching', 'draining', 'committing'],
  ['staged', 'switching', 'reporting'],
];

let fleet: RealFleet;

beforeAll(async () => {
  fleet = await RealFleet.open('killed');
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

/** One host for each list of states, all at once. */
async function underFire(
  name: string,
  hit: (host: Host) => Promise<unknown>,
  timeoutMs: number,
): Promise<void> {
  const hosts: { readonly host: Host; readonly steps: readonly UpgradeStep[] }[] = [];
  for (const steps of HITS) {
    hosts.push({ host: await fleet.host(`${name}-${steps[0]}`), steps });
  }
  const ends = await Promise.allSettled(
    hosts.map(({ host, steps }) => upgradeUnderFire(host, { steps, hit, timeoutMs })),
  );
  // All of them are over before any is judged: a test that ended must leave nothing going on.
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function upgradeUnderFire(
  host: Host,
  options: {
    readonly steps: readonly UpgradeStep[];
    readonly hit: (host: Host) => Promise<unknown>;
    readonly timeoutMs: number;
  },
): Promise<void> {
  const { steps, hit, timeoutMs } = options;
  const hits = hitAt(host, steps, () => hit(host));
  const command = await fleet.order(host.name, VERSION);
  const { command: end, attempts } = await fleet.ended(command, timeoutMs);
  await hits.settled();
  expect([...hits.done].sort()).toEqual([...steps].sort());
  expect(end).toMatchObject({ state: 'succeeded', outcome: 'succeeded' });
  expect(attempts.map(({ outcome }) => outcome)).toEqual(['succeeded']);
  await host.whenAgent(
    fleet.coordinator,
    'is Up with the new version',
    ({ state, components }) =>
      state === 'Up' &&
      components.some(
        ({ component, current }) => component === 'agent' && current?.version === VERSION,
      ),
  );
  expect((await host.bootRecord()).components.agent).toMatchObject({
    committed: { version: VERSION },
    trial: null,
    refused: [],
  });
}

/** Calls `hit` when a state of the list is entered for the first time. */
function hitAt(
  host: Host,
  steps: readonly UpgradeStep[],
  hit: () => Promise<unknown>,
): { readonly done: ReadonlySet<UpgradeStep>; readonly settled: () => Promise<void> } {
  const done = new Set<UpgradeStep>();
  const hits: Promise<unknown>[] = [];
  host.listen((line) => {
    const step = /"step":"([a-z-]+)".*"msg":"upgrade"/.exec(line)?.[1];
    const found = steps.find((wanted) => wanted === step && !done.has(wanted));
    if (found === undefined) return;
    done.add(found);
    hits.push(hit());
  });
  return { done, settled: async () => void (await Promise.all(hits)) };
}

test('H7 H11: the agent killed with -9 in each state of an upgrade', async () => {
  await underFire('agent', (host) => host.killAgent(), HIT_MS);
});

test('H7 H11: the launcher killed with -9 in each state of an upgrade', async () => {
  await underFire('launcher', (host) => host.killLauncher(), HIT_MS);
});

test('H7 N5: the coordinator killed with -9 in each state of an upgrade and started again', async () => {
  const { coordinator } = fleet;
  let restarting: Promise<void> | null = null;
  const restart = async () => {
    await coordinator.kill();
    await coordinator.start();
    restarting = null;
  };
  // Two hosts may enter a state at once: then one kill hits both.
  const hit = () => {
    restarting ??= restart();
    return restarting;
  };
  await underFire('coordinator', hit, COORDINATOR_HIT_MS);
});
