/* A coordinator that comes back from a backup, and hosts that change, through the programs that people use. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Agent, RestoreStatus } from '@moult/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Host } from '../../scripts/fleet/host.ts';
import { until } from '../../scripts/fleet/until.ts';
import { FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [SECOND, THIRD] = GOOD;
const TEST_MS = 240_000;
/** Reconnects come with jitter, up to a minute apart. */
const BACK_MS = 90_000;

const runs = (version: string) => (agent: Agent) =>
  agent.state === 'Up' &&
  agent.marks.length === 0 &&
  agent.components.find(({ component }) => component === 'agent')?.current?.version === version;

describe('O1', () => {
  let fleet: RealFleet;
  beforeAll(async () => {
    fleet = await RealFleet.open('restore');
  }, PREPARE_MS);
  afterAll(async () => {
    expect(await fleet?.close()).toEqual([]);
  });

  test(
    'O1: a fleet ahead of the backup is neither downgraded nor quarantined nor lost; it holds, is adopted, and is upgraded again',
    async () => {
      const { coordinator } = fleet;
      const [awake, asleep, midway] = await Promise.all([
        fleet.host('awake'),
        fleet.host('asleep'),
        fleet.host('midway'),
      ]);
      const at = ['--root', coordinator.dir];
      const file = join(fleet.dir, 'moult.tar.gz');
      await coordinator.moultOk(['coordinator', 'backup', ...at, '--to', file]);

      // Lost with the store: two upgrades that ended, and one whose new version is on trial.
      await Promise.all([fleet.upgrade('awake', SECOND), fleet.upgrade('asleep', SECOND)]);
      await asleep.stop();
      const lost = await fleet.order('midway', SECOND);
      await midway.whenAgent(
        coordinator,
        'is on trial',
        ({ upgrade }) => upgrade?.step === 'probation',
      );
      await coordinator.kill();
      await coordinator.moultOk(['coordinator', 'restore', file, ...at, '--force']);
      await coordinator.start();

      await awake.whenAgent(coordinator, 'is back with what it ran', runs(SECOND), BACK_MS);
      const held = await fleet.order('awake', THIRD);
      expect(held.holdReason).toBe('coordinator-restored');
      // Past its switch, for an order that is lost: adopted, confirmed and committed all the same.
      await midway.whenAgent(coordinator, 'is committed', runs(SECOND), BACK_MS);
      expect((await midway.bootRecord()).components.agent).toMatchObject({
        committed: { version: SECOND },
        trial: null,
      });
      const adopted = await fleet.ended(lost);
      expect(adopted.command).toMatchObject({ state: 'succeeded', origin: 'adopted' });

      const status = JSON.parse(
        await coordinator.moultOk(['coordinator', 'status', '-o', 'json']),
      ) as RestoreStatus;
      expect(status).toMatchObject({
        restore: { origin: 'restored', adoptedMs: null },
        agents: 3,
        seen: 2,
      });
      expect(status.ahead.map(({ name }) => name)).toEqual(['awake', 'midway']);
      await coordinator.moultOk(['coordinator', 'adopt', '--why', 'a test']);
      expect((await fleet.ended(held)).command.state).toBe('succeeded');

      // The sleeper comes after the adoption: the older choice of the backup does not take it back.
      asleep.start();
      await asleep.whenAgent(coordinator, 'is back with what it ran', runs(SECOND), BACK_MS);
      const { entries } = await coordinator.client.listHistory({ query: { agent: 'asleep' } });
      const kinds = entries.map(({ kind }) => kind);
      expect(kinds).toContain('version-adopted');
      expect(kinds).not.toContain('quarantined');

      await coordinator.moultOk(['agents', 'desired', '--fleet', '--to', THIRD]);
      for (const host of [awake, asleep, midway]) {
        await host.whenAgent(coordinator, `runs ${THIRD}`, runs(THIRD), BACK_MS);
      }
    },
    TEST_MS,
  );
});

describe('O2', () => {
  let fleet: RealFleet;
  beforeAll(async () => {
    fleet = await RealFleet.open('identities');
  }, PREPARE_MS);
  afterAll(async () => {
    expect(await fleet?.close()).toEqual([]);
  });

  test(
    'O2: a host made anew takes its old place, and its old key is refused',
    async () => {
      const { coordinator } = fleet;
      const old = await fleet.host('anew');
      const before = await old.whenAgent(coordinator, 'runs', runs(FIRST_AGENT));
      await old.stop();
      const copy = join(fleet.dir, 'anew-old');
      await cp(old.root, copy, { recursive: true, verbatimSymlinks: true });
      await rm(old.root, { recursive: true });
      const token = (
        await coordinator.moultOk(['tokens', 'create', '--replaces', 'anew', '--validate', '-q'])
      ).trim();
      const host = await Host.enroll({ coordinator, token, name: 'localhost', root: old.root });
      host.start();
      try {
        const after = await old.whenAgent(coordinator, 'is made anew', runs(FIRST_AGENT));
        expect(after.instanceId).not.toBe(before.instanceId);
        expect(after.group).toBe(before.group);
        const stale = new Host({ name: 'stale', root: copy });
        stale.start();
        await until(
          'the old key is refused',
          async () => stale.lines.some((line) => /removed this agent/.test(line)),
          { timeoutMs: 30_000, detail: () => stale.tail() },
        );
        await stale.stop();
      } finally {
        await host.stop();
      }
    },
    TEST_MS,
  );

  test(
    'O2: a renamed host is upgraded under its new name, whatever its configuration says',
    async () => {
      const { coordinator } = fleet;
      const host = await fleet.host('before');
      await coordinator.moultOk(['agents', 'rename', 'before', 'after']);
      await host.stop();
      host.start();
      const order = { version: SECOND };
      await coordinator.client.upgradeAgent({ params: { name: 'after' }, body: order });
      await until(
        'it is upgraded',
        async () => {
          const agent = await coordinator.client.getAgent({ params: { name: 'after' } });
          return runs(SECOND)(agent);
        },
        { timeoutMs: 60_000, detail: () => host.tail() },
      );
      const { entries } = await coordinator.client.listHistory({ query: { agent: 'after' } });
      expect(entries.map(({ kind }) => kind)).toContain('enrolled');
    },
    TEST_MS,
  );

  test(
    'O2 T14: of a host and its copy neither is served, until an operator says which one stays',
    async () => {
      const { coordinator } = fleet;
      const host = await fleet.host('cloned');
      await host.stop();
      const root = join(fleet.dir, 'clone');
      await cp(host.root, root, { recursive: true, verbatimSymlinks: true });
      const clone = new Host({ name: 'clone', root });
      clone.start();
      await host.whenAgent(coordinator, 'is taken for its copy', ({ state }) => state === 'Up');
      host.start();
      await host.whenAgent(coordinator, 'is quarantined', ({ marks }) =>
        marks.includes('quarantined'),
      );
      const ordered = await fleet.order('cloned', SECOND);
      expect(ordered.holdReason).toBe('quarantined');
      const why = await coordinator.moultOk(['why', 'cloned']);
      expect(why).toContain('moult agents release-quarantine cloned');
      await Promise.all([clone.stop(), host.stop()]);
      await coordinator.moultOk([
        'agents',
        'release-quarantine',
        'cloned',
        '--why',
        'copy removed',
      ]);
      host.start();
      await host.whenAgent(coordinator, 'is upgraded', runs(SECOND), BACK_MS);
      clone.start();
      await host.whenAgent(coordinator, 'is quarantined again', ({ marks }) =>
        marks.includes('quarantined'),
      );
      await clone.stop();
    },
    TEST_MS,
  );
});
