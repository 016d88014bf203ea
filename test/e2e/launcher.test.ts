/* The launcher upgrades itself as a component of its own, with the first launcher beneath it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BAD_LAUNCHERS, FIRST_AGENT, GOOD, GOOD_LAUNCHER } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const LAUNCHER_MS = 120_000;

let fleet: RealFleet;

beforeAll(async () => {
  fleet = await RealFleet.open('launcher');
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

// Each on a host of its own: side by side they take as long as one.
describe.concurrent('on a host of its own', () => {
  test('H12: a launcher upgrades itself, and upgrades the agent afterwards', async () => {
    const host = await fleet.host('launcher-good');
    const { command } = await fleet.ended(
      await fleet.order('launcher-good', GOOD_LAUNCHER, 'launcher'),
      LAUNCHER_MS,
    );
    expect(command).toMatchObject({ state: 'succeeded', component: 'launcher' });
    expect((await host.bootRecord()).components.launcher).toMatchObject({
      committed: { version: GOOD_LAUNCHER },
      trial: null,
    });
    await host.whenAgent(
      fleet.coordinator,
      'shows its new launcher',
      ({ state, components }) =>
        state === 'Up' &&
        components.some(
          ({ component, current }) =>
            component === 'launcher' && current?.version === GOOD_LAUNCHER,
        ),
    );
    expect((await fleet.upgrade('launcher-good', GOOD[0])).command.state).toBe('succeeded');
  });

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
