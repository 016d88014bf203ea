/* H3, N1: what would not serve is found out beside the agent that works, which does not notice. */
import { chmod, cp, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { versionsDirOf } from '@moult/core/layout';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mountDisk, resizeDisk } from '../../scripts/cuts/faults.ts';
import type { Host } from '../../scripts/fleet/host.ts';
import { moult as moultAs } from '../../scripts/fleet/moult.ts';
import { until } from '../../scripts/fleet/until.ts';
import { DEMANDING, FIRST_AGENT, GOOD, UNFIT } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { shellTask, taskHost } from '../support/task-host.ts';

/** A rehearsal that hangs has a minute, one that reaches nobody is tried twice. */
const REHEARSED_MS = 150_000;
/** Several hosts share one coordinator, and this machine with other tests: that tasks run on is seen at this pace, too. */
const ORDER_EVERY_MS = 500;
const TICK = { tick: shellTask('sleep 0.01; echo ticked') };

let fleet: RealFleet;
beforeAll(async () => {
  fleet = await RealFleet.open('rehearsal');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

/** Orders one task after the other for as long as `work` takes. */
async function underTasks<T>(name: string, work: () => Promise<T>): Promise<T> {
  const body = { agents: [name], task: 'tick' };
  const asked: Promise<unknown>[] = [];
  const timer = setInterval(
    () => asked.push(fleet.coordinator.client.orderTasks({ body })),
    ORDER_EVERY_MS,
  );
  try {
    return await work();
  } finally {
    clearInterval(timer);
    await Promise.all(asked);
  }
}

/** What its upgrade waits for, as `moult why` says it. */
async function heldBecause({ name, tail }: Host): Promise<string> {
  const { detail } = await until(
    `why says what ${name} waits for`,
    async () => {
      const { reasons } = await fleet.coordinator.client.whyAgent({ params: { name } });
      // That it is held is said at once, and with what figures in the next report.
      return reasons.find(({ reason, detail }) => reason === 'preflight-failed' && detail !== null);
    },
    { timeoutMs: 60_000, detail: tail },
  );
  return detail ?? '';
}

// Each on a host of its own: side by side they take as long as the one that hangs.
describe.concurrent('side by side', () => {
  for (const [name, version, why] of [
    ['crashes', UNFIT.crashes, /it ended with exit code 1 by itself.*built to crash at start/s],
    ['hangs', UNFIT.hangs, /it did not end within 60 s/],
    [
      'cannot read its configuration',
      UNFIT.cannotReadConfiguration,
      /configuration: config-invalid: .*coordinator/,
    ],
    ['is cut off', UNFIT.isCutOff, /coordinator: coordinator-unreachable: .*ECONNREFUSED/],
  ] as const) {
    test(`H3 N1: a release that ${name} is refused with no interruption at all`, async () => {
      const host = await taskHost(fleet, `unfit-${version}`.replaceAll('.', '-'), TICK);
      const pid = await host.agentPid();
      const end = await underTasks(host.name, async () =>
        fleet.ended(await fleet.order(host.name, version), REHEARSED_MS),
      );
      expect(end.command).toMatchObject({ state: 'failed', code: 'rehearsal-failed' });
      const [attempt] = end.attempts;
      expect(attempt?.message).toMatch(why);
      expect(attempt).toMatchObject({ outcome: 'failed', gapMs: null, rehearsal: 'failed' });
      expect(attempt?.steps.map(({ step }) => step)).toEqual([
        'preflight',
        'fetching',
        'staged',
        'reporting',
      ]);
      const query = { agent: host.name, state: 'ended' as const, limit: 1_000 };
      const { runs } = await fleet.coordinator.client.listRuns({ query });
      expect(runs.length).toBeGreaterThan(0);
      expect(runs.filter(({ state }) => state !== 'succeeded')).toEqual([]);
      expect(await host.agentPid()).toBe(pid);
      const { agent } = (await host.bootRecord()).components;
      expect(agent).toMatchObject({
        committed: { version: FIRST_AGENT },
        trial: null,
        refused: [],
      });
      // Nothing is stuck: the next release that is good goes through, and its rehearsal is on record.
      const ordered = await fleet.order(host.name, GOOD[0]);
      const after = await fleet.ended(ordered, REHEARSED_MS);
      expect(after.command.state).toBe('succeeded');
      expect(after.attempts[0]).toMatchObject({ rehearsal: 'passed' });
      await fleet.leave(host);
    });
  }

  test('H3: (PF12) a file that the coordinator has lost holds the upgrade, which goes on when it is back', async () => {
    const [, version] = GOOD;
    const host = await fleet.host('lost-blob');
    const pid = await host.agentPid();
    const blobPath = await fleet.scriptBlobPath(version);
    await rename(blobPath, `${blobPath}.away`);
    const command = await fleet.order(host.name, version);
    expect(await heldBecause(host)).toMatch(
      /blob-missing: blobs: lib\/agent\.cjs: https:\S+ has no blob [0-9a-f]{64}; 1 missing/,
    );
    const look = () =>
      fleet.coordinator.moult(['agent', 'preflight', '--root', host.root, '--to', version]);
    const seen = await look();
    expect(seen.code).toBe(1);
    expect(seen.stdout).toMatch(/^fail +blobs +lib\/agent\.cjs: .*\n +next: Import the pack/m);
    // Nothing was changed, nor fetched, and the agent works.
    expect(await host.agentPid()).toBe(pid);
    expect((await readdir(versionsDirOf(host.layout, 'agent'))).length).toBe(1);
    await rename(`${blobPath}.away`, blobPath);
    expect((await look()).stdout).toMatch(
      /^pass +blobs +1 missing on this host, \d+ [KM]iB: to be had/m,
    );
    const { command: end, attempts } = await fleet.ended(command, REHEARSED_MS);
    expect(end.state).toBe('succeeded');
    expect(attempts).toHaveLength(1);
    await fleet.leave(host);
  });

  test.runIf(process.geteuid?.() === 0)(
    'H3: a host that lacks room is held with figures, and goes on by itself when somebody has made some',
    async () => {
      const [, , version] = GOOD;
      const host = await fleet.host('narrow', { starts: false });
      const dir = join(host.layout.prefixDir, 'versions');
      await rename(dir, `${dir}.kept`);
      const unmount = await mountDisk(dir);
      try {
        await cp(`${dir}.kept`, dir, { recursive: true, verbatimSymlinks: true });
        await resizeDisk(dir, 48);
        host.start();
        const command = await fleet.order(host.name, version);
        expect(await heldBecause(host)).toMatch(
          /disk-reserve: disk: \d+ MiB are free, \d+ MiB are needed \(twice the \d+ MiB to write, and 64\)/,
        );
        await resizeDisk(dir, 256);
        expect((await fleet.ended(command, REHEARSED_MS)).command.state).toBe('succeeded');
        await host.stop();
      } finally {
        await unmount?.();
      }
      await fleet.leave(host);
    },
  );

  test('H3: an owner who switches the test off finds that in the history', async () => {
    const host = await fleet.host('switched-off', { starts: false });
    await writeFile(host.layout.agentConfigPath, '\npreflight: false\n', { flag: 'a' });
    host.start();
    const ordered = await fleet.order(host.name, GOOD[0]);
    const { command, attempts } = await fleet.ended(ordered, REHEARSED_MS);
    expect(command.state).toBe('succeeded');
    expect(attempts[0]).toMatchObject({ rehearsal: 'switched-off' });
    await fleet.leave(host);
  });

  test('H3: (PF10) what would hold an upgrade up is seen on the host before anybody orders one', async () => {
    const host = await fleet.host('looked-at');
    const moult = (...args: readonly string[]) =>
      fleet.coordinator.moult(['agent', 'preflight', '--root', host.root, ...args]);
    const good = await moult('--to', GOOD[0], '-o', 'json');
    expect(good).toMatchObject({ code: 0 });
    const { checks } = JSON.parse(good.stdout);
    expect(checks.map(({ name }: { name: string }) => name)).toEqual([
      ...['configuration', 'permissions', 'coordinator', 'release'],
      ...['directory', 'disk', 'fallback', 'clock', 'blobs'],
    ]);
    expect(checks.every(({ outcome }: { outcome: string }) => outcome === 'pass')).toBe(true);
    // The version that runs is changed where it lies, and its key lies open.
    const script = join(host.layout.prefixDir, 'versions/current/lib/agent.cjs');
    await chmod(script, 0o644);
    await writeFile(script, '// nothing of it is left');
    await chmod(host.layout.identityKeyPath, 0o644);
    const bad = await moult();
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/^fail +permissions +.*identity\.key.*\n +next: /m);
    expect(bad.stdout).toMatch(/chmod 600 .*identity\.key/);
    expect(bad.stdout).toMatch(/^warn +fallback +1\.0\.0 was changed by hand: .*lib\/agent\.cjs/m);
    await chmod(host.layout.identityKeyPath, 0o600);
    // Nobody vouches for a release, nor for the one that would make the changed version whole.
    await rename(host.layout.pinnedRootPath, `${host.layout.pinnedRootPath}.away`);
    const unvouched = (await moult()).stdout;
    expect(unvouched).toMatch(
      /^fail +release +there is no pinned root .*\nfail +fallback +there is no pinned root .*\n +next: Pin the root/m,
    );
    expect(unvouched).toMatch(/^pass +disk /m);
    await rename(`${host.layout.pinnedRootPath}.away`, host.layout.pinnedRootPath);
    // Its launcher is too old, its clock a day and more off.
    await writeFile(join(host.root, 'clock-off-ms'), String(25 * 3_600_000));
    const clock = join(import.meta.dirname, '../fixtures/moved-clock.ts');
    const { dir: homeDir } = fleet.coordinator;
    const env = { NODE_OPTIONS: `--import=${clock}` };
    const look = ['agent', 'preflight', '--root', host.root, '--to', DEMANDING];
    const off = (await moultAs(look, { homeDir, env })).stdout;
    expect(off).toMatch(/^fail +launcher +1\.6\.0 wants 1\.1\.0, this host has 1\.0\.0\n +next: /m);
    expect(off).toMatch(/^fail +clock +90\d{3} s ahead of the coordinator’s\n +next: /m);
    await fleet.leave(host);
  });
});
