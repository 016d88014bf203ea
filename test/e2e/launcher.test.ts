/* The launcher upgrades itself as a component of its own, with the first launcher beneath it, both also of the past. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Component } from '@moult/core/component';
import { versionsDirOf } from '@moult/core/layout';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import {
  BAD,
  BAD_LAUNCHERS,
  DEMANDING,
  FIRST_AGENT,
  GOOD,
  GOOD_LAUNCHER,
  PAST_LAUNCHERS,
} from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const LAUNCHER_MS = 120_000;
/** Also one that is tried three times, or that waits for its turn. */
const UPGRADE_MS = 90_000;

let fleet: RealFleet;

beforeAll(async () => {
  fleet = await RealFleet.open('launcher');
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

async function whenUpWith(
  host: Host,
  wanted: { readonly component: Component; readonly version: string },
): Promise<void> {
  await host.whenAgent(
    fleet.coordinator,
    `is Up with ${wanted.component} ${wanted.version}`,
    ({ state, components }) =>
      state === 'Up' &&
      components.some(
        ({ component, current }) =>
          component === wanted.component && current?.version === wanted.version,
      ),
  );
}

async function launcherUpgraded(host: Host, version: string): Promise<void> {
  const ordered = await fleet.order(host.name, version, 'launcher');
  const { command } = await fleet.ended(ordered, LAUNCHER_MS);
  expect(command).toMatchObject({ state: 'succeeded', component: 'launcher' });
  const { launcher } = (await host.bootRecord()).components;
  expect(launcher).toMatchObject({ committed: { version }, trial: null });
  await whenUpWith(host, { component: 'launcher', version });
}

/** As if it had been installed when this launcher was the newest: the first one is a copy of what was chosen then. */
async function becomesFirst(host: Host, version: string): Promise<void> {
  const { committed } = (await host.bootRecord()).components.launcher;
  if (committed?.version !== version) throw new Error(`${host.name} does not run ${version}`);
  await host.stop();
  const { firstLauncherDir } = host.layout;
  await rm(firstLauncherDir, { recursive: true });
  await cp(join(versionsDirOf(host.layout, 'launcher'), committed.dir), firstLauncherDir, {
    recursive: true,
  });
  host.start();
  await whenUpWith(host, { component: 'launcher', version });
}

// Each on a host of its own: side by side they take as long as one.
describe.concurrent('on a host of its own', { timeout: 3 * LAUNCHER_MS }, () => {
  test('H12 B23: a release that demands a newer launcher waits for it by name, with the host untouched; the launcher upgrades itself, and the release goes in', async () => {
    const name = 'demanding';
    const host = await fleet.host(name);
    const before = { pid: await host.agentPid(), record: await host.bootRecord() };
    const demanding = await fleet.order(name, DEMANDING);
    await fleet.whenCommand(
      demanding,
      'waits for a launcher',
      ({ holdReason }) => holdReason === 'launcher-too-old',
    );
    const why = await fleet.coordinator.moultOk(['why', name]);
    expect(why).toMatch(/launcher-too-old.*1\.6\.0 wants 1\.1\.0 or a newer one/s);
    expect(why).toContain(
      `moult agents upgrade ${name} --component launcher --to ${GOOD_LAUNCHER}`,
    );
    const status = await fleet.coordinator.client.getAgent({ params: { name } });
    expect(status.state).toBe('Up');
    expect(await host.agentPid()).toBe(before.pid);
    expect(await host.bootRecord()).toEqual(before.record);
    await launcherUpgraded(host, GOOD_LAUNCHER);
    const { command } = await fleet.ended(demanding, UPGRADE_MS);
    expect(command.state).toBe('succeeded');
    expect((await host.bootRecord()).components.agent.committed?.version).toBe(DEMANDING);
  });

  for (const { version, when, rehearsal } of PAST_LAUNCHERS) {
    test(`H11 H12 B23: a host whose first launcher and launcher are from ${when} upgrades, rolls back, and gets a launcher of today`, async () => {
      const name = `past-${version}`;
      const host = await fleet.host(name);
      await launcherUpgraded(host, version);
      await becomesFirst(host, version);
      const { command, attempts } = await fleet.upgrade(name, GOOD[0]);
      expect(command.state).toBe('succeeded');
      expect(attempts).toMatchObject([{ outcome: 'succeeded', rehearsal }]);
      // Whatever has passed a rehearsal is to be prepared, which neither of them can.
      const unprepared = host.lines.filter((line) => line.includes('does not know `prepare`'));
      expect(unprepared).toHaveLength(rehearsal === 'passed' ? 1 : 0);

      const bad = await fleet.ended(await fleet.order(name, BAD.crashesAtStart), UPGRADE_MS);
      expect(bad.command).toMatchObject({ state: 'failed', outcome: 'rolled-back' });
      expect(bad.attempts[0]?.evidence?.reason).toBe('crashed');
      await whenUpWith(host, { component: 'agent', version: GOOD[0] });

      const broken = await fleet.order(name, BAD_LAUNCHERS[1].version, 'launcher');
      expect((await fleet.ended(broken, LAUNCHER_MS)).command.outcome).toBe('rolled-back');
      await launcherUpgraded(host, GOOD_LAUNCHER);
      const after = await fleet.upgrade(name, GOOD[1]);
      expect(after.command.state).toBe('succeeded');
      expect(after.attempts).toMatchObject([{ outcome: 'succeeded', rehearsal: 'passed' }]);
      await whenUpWith(host, { component: 'agent', version: GOOD[1] });
    });
  }

  for (const { version, does } of BAD_LAUNCHERS) {
    test(`H11 H12: a launcher that ${does} is given up, and the host lives on`, async () => {
      const hostName = `launcher-${version}`;
      const host = await fleet.host(hostName);
      const before = (await host.bootRecord()).components.launcher.committed;
      const { command, attempts } = await fleet.ended(
        await fleet.order(hostName, version, 'launcher'),
        LAUNCHER_MS,
      );
      expect(command).toMatchObject({ state: 'failed', outcome: 'rolled-back' });
      expect(attempts[0]?.evidence?.reason).toMatch(/^(not-started|crashed)$/);
      const { agent, launcher } = (await host.bootRecord()).components;
      expect(launcher).toMatchObject({ committed: before, trial: null });
      expect(launcher.refused.map((refusal) => refusal.version)).toEqual([version]);
      expect(agent.committed?.version).toBe(FIRST_AGENT);
      expect((await fleet.upgrade(hostName, GOOD[0])).command.state).toBe('succeeded');
    });
  }
});
