/* Somebody has changed files of what is installed: said, kept aside, and in nobody's way. */
import { appendFile, chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { versionsDirOf } from '@moult/core/layout';
import { verifySlot } from '@moult/release/verify-slot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { moultOk } from '../../scripts/fleet/moult.ts';
import { FIRST_AGENT, GOOD, GOOD_LAUNCHER } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const HAND_MS = 180_000;
/** It is looked for twenty seconds after a start. */
const SEEN_MS = 90_000;
const MINE = '\n// mine\n';

let fleet: RealFleet;

beforeAll(async () => {
  fleet = await RealFleet.open('by-hand');
}, PREPARE_MS);

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

/** Where the version lies that boots. */
async function slotOf(host: Host, component: 'agent' | 'launcher') {
  const { committed } = (await host.bootRecord()).components[component];
  if (committed === null) throw new Error(`${host.name} has no ${component}`);
  return { dir: join(versionsDirOf(host.layout, component), committed.dir), committed };
}

async function soundness(host: Host, component: 'agent' | 'launcher'): Promise<string> {
  const { dir, committed } = await slotOf(host, component);
  return (await verifySlot({ dir, digest: committed.digest })).kind;
}

/** What is the owner's and the host's own, by path. */
async function ownFiles(host: Host): Promise<Readonly<Record<string, string>>> {
  const { configDir, identityKeyPath } = host.layout;
  const paths = [identityKeyPath, ...(await readdir(configDir)).map((one) => join(configDir, one))];
  const texts = await Promise.all(paths.map(async (path) => [path, await readFile(path, 'utf8')]));
  return Object.fromEntries(texts);
}

async function keptOf(host: Host): Promise<readonly string[]> {
  return (await readdir(host.layout.keptDir).catch(() => [])).sort();
}

describe.concurrent('each on a host of its own', () => {
  test(
    'H16: files that were changed by hand are named before they are replaced, kept aside, and never put back; configuration and state stay',
    async () => {
      const { coordinator } = fleet;
      const host = await fleet.host('by-hand', { starts: false });
      await appendFile(host.layout.agentConfigPath, '\n# my own words\nlogLevel: info\n');
      await writeFile(host.layout.tasksPath, 'tasks: { mine: { program: /bin/true } }\n');
      host.start();
      await host.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up');
      const own = await ownFiles(host);
      const { dir } = await slotOf(host, 'agent');
      await appendFile(join(dir, 'lib/agent.cjs'), MINE);
      await writeFile(join(dir, 'lib/why.txt'), 'because');
      const launcher = await slotOf(host, 'launcher');
      await chmod(join(launcher.dir, 'LICENSE'), 0o777);
      const seen = await host.whenAgent(
        coordinator,
        'shows what was changed',
        ({ marks }) => marks.includes('changed by hand'),
        SEEN_MS,
      );
      const [ofAgent, ofLauncher] = seen.components;
      expect(ofAgent?.changed.files.map(({ path, how }) => `${path} ${how}`)).toEqual([
        'lib/agent.cjs changed',
        'lib/why.txt added',
      ]);
      expect(ofAgent?.changed.files[1]?.bytes).toBe('because'.length);
      expect(ofLauncher?.changed.files.map(({ path, how }) => `${path} ${how}`)).toEqual([
        'LICENSE mode',
      ]);
      expect(await coordinator.moultOk(['agents', 'list', 'mark=changed-by-hand'])).toMatch(
        /by-hand .*Up \(changed by hand\)/,
      );
      expect(await coordinator.moultOk(['agents', 'show', 'by-hand'])).toMatch(
        /agent changed by hand: +lib\/agent\.cjs \(changed\), lib\/why\.txt \(added\)/,
      );
      const order = ['agents', 'upgrade', 'by-hand', '--to', GOOD[0]];
      const preflight = ['agent', 'preflight', '--to', GOOD[0], '--root', host.root];
      expect((await moultOk(preflight, { homeDir: host.root })).stdout).toMatch(
        /warn +fallback +1\.0\.0 was changed by hand: .*staged anew before anything else/,
      );
      expect(await coordinator.moultOk([...order, '--dry-run'])).toMatch(
        /by-hand: warning: agent 1\.0\.0 was changed by hand: lib\/agent\.cjs \(changed\)/,
      );

      expect((await fleet.upgrade('by-hand', GOOD[0])).command.state).toBe('succeeded');
      const [name = '', ...others] = await keptOf(host);
      expect(others).toEqual([]);
      expect(name).toMatch(/^1\.0\.0-[0-9a-f]{8}-\d{8}T\d{6}Z$/);
      const filesDir = join(host.layout.keptDir, name, 'files');
      expect((await readFile(join(filesDir, 'lib/agent.cjs'), 'utf8')).endsWith(MINE)).toBe(true);
      expect(await readFile(join(filesDir, 'lib/why.txt'), 'utf8')).toBe('because');
      // What the new one falls back to was made whole before it was tried, and nothing was put back.
      expect(await verifySlot({ dir, digest: ofAgent?.current?.digest ?? '' })).toMatchObject({
        kind: 'sound',
      });
      expect(await soundness(host, 'agent')).toBe('sound');
      expect(await ownFiles(host)).toEqual(own);
      const after = await host.whenAgent(
        coordinator,
        'shows what is kept',
        ({ kept }) => kept.length > 0,
        SEEN_MS,
      );
      expect(after.tasks).toEqual(['mine']);
      expect(after.kept).toMatchObject([{ version: FIRST_AGENT, dir: join(filesDir, '..') }]);
      const history = await coordinator.moultOk(['history', 'by-hand', '--of', 'all']);
      expect(history).toMatch(
        /changed-by-hand .*version=1\.0\.0 files=lib\/agent\.cjs \(changed\)/,
      );
      expect(history).toMatch(/kept-aside .*lib\/agent\.cjs \(changed\), lib\/why\.txt \(added\)/);

      const status = await moultOk(['agent', 'status', '--root', host.root], {
        homeDir: host.root,
      });
      expect(status.stdout).toMatch(/kept aside: +agent 1\.0\.0: lib\/agent\.cjs \(changed\)/);

      // The launcher's turn: only a mode is other, so that there is nothing to keep but the word of it.
      expect((await fleet.upgrade('by-hand', GOOD_LAUNCHER, 'launcher')).command.state).toBe(
        'succeeded',
      );
      expect((await keptOf(host)).length).toBe(2);
      expect((await stat(join(launcher.dir, 'LICENSE'))).mode & 0o777).toBe(0o644);
    },
    HAND_MS,
  );

  test(
    'H16: what was changed in a version that runs is mended by ordering it again, and what is removed by the cleanup is kept first',
    async () => {
      const { coordinator } = fleet;
      const host = await fleet.host('by-hand-again');
      const { dir, committed } = await slotOf(host, 'agent');
      await writeFile(join(dir, 'LICENSE'), 'mine');
      const mended = await fleet.upgrade('by-hand-again', FIRST_AGENT);
      expect(mended.command).toMatchObject({ state: 'succeeded', outcome: 'succeeded' });
      expect(await verifySlot({ dir, digest: committed.digest })).toMatchObject({ kind: 'sound' });
      expect((await keptOf(host)).length).toBe(1);

      expect((await fleet.upgrade('by-hand-again', GOOD[0])).command.state).toBe('succeeded');
      // It is the version before now, which the next upgrade makes superfluous. Of the two only its own file: they share those that are alike.
      await rm(join(dir, 'LICENSE'));
      await writeFile(join(dir, 'LICENSE'), 'mine again');
      expect((await fleet.upgrade('by-hand-again', GOOD[1])).command.state).toBe('succeeded');
      await host.whenAgent(
        coordinator,
        'says that both are kept',
        ({ kept }) => kept.length === 2,
        SEEN_MS,
      );
      expect(await stat(dir).catch(() => null)).toBeNull();
      const [, second = ''] = await keptOf(host);
      expect(await readFile(join(host.layout.keptDir, second, 'files/LICENSE'), 'utf8')).toBe(
        'mine again',
      );
    },
    HAND_MS,
  );
});
