/* Releases that are broken in every way that we know: each is rolled back on the host, and the old version goes on. */

import type { Command } from '@moult/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

/** Three tries with their backoff, for one that lives five seconds each time. */
const CRASHED_MS = 60_000;
/** Watched time of 50 s, then the whole chain of probes and dials twice, a minute apart. */
const JUDGED_MS = 170_000;

interface Ordered {
  readonly host: Host;
  readonly command: Command;
}

/** Its coordinator stays. */
let fleet: RealFleet;
/** Its coordinator goes away in the middle. */
let abandoned: RealFleet;
const watched = new Map<string, Ordered>();

beforeAll(async () => {
  fleet = await RealFleet.open('bad-release');
  abandoned = await RealFleet.open('abandoned');
  // All at once and first of all: each takes a minute or two of being watched.
  for (const [name, version] of [
    ['hangs', BAD.hangs],
    ['deaf', BAD.isDeaf],
    ['cannot-upgrade', BAD.cannotUpgrade],
    ['lies', BAD.liesAboutDigest],
  ] as const) {
    watched.set(name, await ordered(fleet, name, version));
  }
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
  expect(await abandoned?.close()).toEqual([]);
});

async function ordered(fleet: RealFleet, name: string, version: string): Promise<Ordered> {
  const host = await fleet.host(name);
  return { host, command: await fleet.order(name, version) };
}

async function refusalOf(host: Host, version: string) {
  const { agent } = (await host.bootRecord()).components;
  if (agent.trial !== null) return null;
  expect(agent.committed?.version).toBe(FIRST_AGENT);
  return agent.refused.find((refusal) => refusal.version === version) ?? null;
}

/** Rolled back for this reason; the version before is Up, and the next good release goes through. */
async function expectRolledBack(
  fleet: RealFleet,
  { host, command }: Ordered,
  expected: { readonly reason: RegExp; readonly timeoutMs: number },
): Promise<void> {
  const { command: end, attempts } = await fleet.ended(command, expected.timeoutMs);
  expect(end).toMatchObject({ state: 'failed', outcome: 'rolled-back' });
  expect(attempts).toHaveLength(1);
  expect(attempts[0]).toMatchObject({ outcome: 'rolled-back', from: FIRST_AGENT, to: end.version });
  expect(attempts[0]?.evidence?.reason).toMatch(expected.reason);
  await host.whenAgent(
    fleet.coordinator,
    'is Up with what it had',
    ({ state, components }) =>
      state === 'Up' &&
      components.some(
        ({ component, current, refused }) =>
          component === 'agent' &&
          current?.version === FIRST_AGENT &&
          refused.some(({ version }) => version === end.version),
      ),
  );
  expect((await refusalOf(host, end.version ?? ''))?.evidence.reason).toMatch(expected.reason);
  expect(await host.agentPid()).not.toBeNull();
}

test('H7 H11: releases that crash or cannot be executed are rolled back with the coordinator gone, and three agents go on with what they have', async () => {
  const all = [
    await ordered(abandoned, 'crashes-at-start', BAD.crashesAtStart),
    await ordered(abandoned, 'crashes-after-5-s', BAD.crashesAfterFiveSeconds),
    await ordered(abandoned, 'cannot-be-executed', BAD.cannotBeExecuted),
  ];
  for (const { host, command } of all) {
    await until(
      `${host.name} has begun its trial or is past it`,
      async () => {
        const { agent } = (await host.bootRecord()).components;
        return agent.trial !== null || agent.refused.length > 0;
      },
      { timeoutMs: 30_000, detail: () => `${command.version}\n${host.tail()}` },
    );
  }
  await abandoned.coordinator.kill();
  for (const { host, command } of all) {
    await until(
      `${host.name} has rolled back by itself`,
      async () =>
        (await refusalOf(host, command.version ?? '')) !== null && (await host.agentPid()) !== null,
      { timeoutMs: CRASHED_MS, detail: () => host.tail() },
    );
  }
  await abandoned.coordinator.start();
  const reasons = [/^crashed$/, /^crashed$/, /^not-started$/];
  for (const [index, one] of all.entries()) {
    const reason = reasons[index] ?? /never/;
    await expectRolledBack(abandoned, one, { reason, timeoutMs: CRASHED_MS });
  }
  // Nothing is stuck: the next release that is good goes through.
  const after = await abandoned.upgrade('crashes-at-start', GOOD[0]);
  expect(after.command.state).toBe('succeeded');
});

describe('with the coordinator there', () => {
  function hostOf(name: string): Ordered {
    const found = watched.get(name);
    if (found === undefined) throw new Error(`${name} was not ordered`);
    return found;
  }

  test('H11: a release that hangs is rolled back', async () => {
    await expectRolledBack(fleet, hostOf('hangs'), { reason: /^hung$/, timeoutMs: JUDGED_MS });
  });

  test('H11 N5: a release that lies about its digest is never counted as done and is rolled back', async () => {
    await expectRolledBack(fleet, hostOf('lies'), {
      reason: /^(rejected-by-coordinator|cannot-upgrade-again|cannot-reach-coordinator)$/,
      timeoutMs: JUDGED_MS,
    });
  });

  test('H11: a release that can no longer upgrade is rolled back', async () => {
    await expectRolledBack(fleet, hostOf('cannot-upgrade'), {
      reason: /^cannot-upgrade-again$/,
      timeoutMs: JUDGED_MS,
    });
  });

  test('H11 N1: a release that cannot reach the coordinator, where the old one can, is rolled back', async () => {
    await expectRolledBack(fleet, hostOf('deaf'), {
      reason: /^cannot-reach-coordinator$/,
      timeoutMs: JUDGED_MS,
    });
  });

  test('H8 H11 P7: a version that this host has refused is not tried again, and says so', async () => {
    const { host, command } = hostOf('hangs');
    const again = await fleet.order('hangs', command.version ?? '');
    const held = await fleet.whenCommand(
      again,
      'is held or ended',
      ({ holdReason, state }) => holdReason !== null || state === 'failed',
    );
    expect([held.command.holdReason, held.command.code]).toContain('refused-here');
    expect(held.attempts).toEqual([]);
    expect((await host.bootRecord()).components.agent.committed?.version).toBe(FIRST_AGENT);
  });
});
