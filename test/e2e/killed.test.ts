/*
 * kill -9 of the agent, of the launcher and of the coordinator in each state of an upgrade, of the agent and then of the
 * launcher. The agent says which state it enters (saved before it says so); the signal goes out at that word. Each
 * upgrade is hit in several states, and all of them end as if nothing had happened.
 */
import { COMPONENTS, type Component } from '@moult/core/component';
import type { UpgradeStep } from '@moult/core/upgrade';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import {
  FIRST_LAUNCHER_VERSION,
  GOOD,
  GOOD_LAUNCHER,
  NEXT_LAUNCHER,
} from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

/** Three hits cost a restart each; between crashes of the agent the launcher waits 1, 2 and 4 s. */
const HIT_MS = 120_000;
/** Fetching from a coordinator that is away is tried again after a minute. */
const COORDINATOR_HIT_MS = 150_000;

/** Every state that a good upgrade goes through, three hits an upgrade, none next to another. */
const HITS: readonly (readonly UpgradeStep[])[] = [
  ['preflight', 'rehearsed', 'probation'],
  ['fetching', 'draining', 'committing'],
  ['staged', 'switching', 'reporting'],
];

/** One after the other, and once more, until every state was hit: each can be ordered back. */
const VERSIONS: Readonly<Record<Component, readonly string[]>> = {
  agent: GOOD,
  launcher: [GOOD_LAUNCHER, NEXT_LAUNCHER, FIRST_LAUNCHER_VERSION],
};

/** Hosts of the tests whose coordinator stays. */
let fleet: RealFleet;
/** A coordinator of its own for each list: each is killed for its own host alone. */
const mortals: RealFleet[] = [];

beforeAll(async () => {
  fleet = await RealFleet.open('killed');
  for (const [step] of HITS) mortals.push(await RealFleet.open(`killed-at-${step}`));
}, PREPARE_MS);

afterAll(async () => {
  for (const one of [fleet, ...mortals]) expect(await one?.close()).toEqual([]);
});

interface UnderFire {
  readonly fleet: RealFleet;
  readonly host: Host;
  readonly steps: readonly UpgradeStep[];
  /** False: nobody was there to be killed. */
  readonly hit: () => Promise<boolean>;
  readonly timeoutMs: number;
}

/** All at once; all of them are over before any is judged, so that a test that ended leaves nothing going on. */
async function allUnderFire(fires: readonly UnderFire[]): Promise<void> {
  for (const end of await Promise.allSettled(fires.map(eachUnderFire))) {
    if (end.status === 'rejected') throw end.reason;
  }
}

/** One component after the other, on one host. */
async function eachUnderFire(fire: UnderFire): Promise<void> {
  for (const component of COMPONENTS) await upgradeUnderFire(fire, component);
}

/**
 * What the agent says is passed on by the launcher and can die with it; some states are over in a few ms. A state whose
 * word was lost, or that came to its end before the signal, is hit in the next upgrade.
 */
async function upgradeUnderFire(fire: UnderFire, component: Component): Promise<void> {
  const hits = hitAt(fire);
  for (const version of [...VERSIONS[component], ...VERSIONS[component]]) {
    await upgradeOnce(fire, { component, version, settled: hits.settled });
    if (hits.done.size === fire.steps.length) break;
  }
  hits.stop();
  expect([...hits.done].sort()).toEqual([...fire.steps].sort());
}

async function upgradeOnce(
  fire: UnderFire,
  of: {
    readonly component: Component;
    readonly version: string;
    readonly settled: () => Promise<void>;
  },
): Promise<void> {
  const { fleet, host, timeoutMs } = fire;
  const { component, version } = of;
  const command = await fleet.order(host.name, version, component);
  const { command: end, attempts } = await fleet.ended(command, timeoutMs);
  await of.settled();
  expect(end).toMatchObject({ state: 'succeeded', outcome: 'succeeded' });
  expect(attempts.map(({ outcome }) => outcome)).toEqual(['succeeded']);
  await host.whenAgent(
    fleet.coordinator,
    'is Up with the new version',
    ({ state, components }) =>
      state === 'Up' &&
      components.some((one) => one.component === component && one.current?.version === version),
  );
  expect((await host.bootRecord()).components[component]).toMatchObject({
    committed: { version },
    trial: null,
    refused: [],
  });
}

/** Calls `hit` when a state of the list is entered for the first time. */
function hitAt({ host, steps, hit }: UnderFire): {
  readonly done: ReadonlySet<UpgradeStep>;
  readonly settled: () => Promise<void>;
  readonly stop: () => void;
} {
  const done = new Set<UpgradeStep>();
  // One after another: a state can be entered while the hit of the one before is still going on, and two at once
  // would start two coordinators.
  let last: Promise<unknown> = Promise.resolve();
  const stop = host.listen((line) => {
    const step = /"step":"([a-z-]+)".*"msg":"upgrade"/.exec(line)?.[1];
    const found = steps.find((wanted) => wanted === step && !done.has(wanted));
    if (found === undefined) return;
    done.add(found);
    last = last.then(hit).then((isHit) => isHit || done.delete(found));
    // Judged by `settled`; until then nobody waits for it.
    last.catch(() => undefined);
  });
  return { done, settled: async () => void (await last), stop };
}

/** What launcher and supervisor say of whom they start. */
const AGENT_STARTED = /"pid":(\d+),"msg":"spawned"/;
const LAUNCHER_STARTED = /^the launcher started, process (\d+)/;

/** SIGKILL for whoever was started last, without looking around first: that takes longer than some states last. */
async function killLast(host: Host, started: RegExp): Promise<boolean> {
  const line = host.lines.findLast((one) => started.test(one)) ?? '';
  const pid = Number(started.exec(line)?.[1]);
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended by itself.
    return false;
  }
}

// Two upgrades each, whose own limits come first.
describe.concurrent('side by side', { timeout: 2 * COORDINATOR_HIT_MS }, () => {
  test('H7 H11 H12: the agent killed with -9 in each state of an upgrade, of the agent and of the launcher', async () => {
    const fires: UnderFire[] = [];
    for (const steps of HITS) {
      const host = await fleet.host(`agent-${steps[0]}`);
      fires.push({
        fleet,
        host,
        steps,
        hit: () => killLast(host, AGENT_STARTED),
        timeoutMs: HIT_MS,
      });
    }
    await allUnderFire(fires);
  });

  test('H7 H11 H12: the launcher killed with -9 in each state of an upgrade, of the agent and of the launcher', async () => {
    const fires: UnderFire[] = [];
    for (const steps of HITS) {
      const host = await fleet.host(`launcher-${steps[0]}`);
      fires.push({
        fleet,
        host,
        steps,
        hit: () => killLast(host, LAUNCHER_STARTED),
        timeoutMs: HIT_MS,
      });
    }
    await allUnderFire(fires);
  });

  test('H7 H12 N5: the coordinator killed with -9 in each state of an upgrade, of the agent and of the launcher, and started again', async () => {
    const fires: UnderFire[] = [];
    for (const [index, steps] of HITS.entries()) {
      const mortal = mortals[index];
      if (mortal === undefined) throw new Error('there is a coordinator for each list');
      const host = await mortal.host(`coordinator-${steps[0]}`);
      const hit = async () => {
        await mortal.coordinator.kill();
        await mortal.coordinator.start();
        return true;
      };
      fires.push({ fleet: mortal, host, steps, hit, timeoutMs: COORDINATOR_HIT_MS });
    }
    await allUnderFire(fires);
  });
});
