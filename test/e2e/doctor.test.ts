/* `moult doctor`, asked of a host and its coordinator while both are well, and while one thing after the other is not. */
import { chmod, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseManifest } from '@moult/core/manifest';
import { servedDirOf } from '@moult/release/repository';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const TEST_MS = 180_000;

interface Check {
  readonly name: string;
  readonly outcome: 'pass' | 'warn' | 'fail';
  readonly detail: string;
  readonly code: string | null;
  readonly next: string | null;
}

interface Doctored {
  readonly code: number | null;
  readonly host: readonly Check[];
  readonly coordinator: readonly Check[];
}

let fleet: RealFleet;
let host: Host;
beforeAll(async () => {
  fleet = await RealFleet.open('doctor');
  const { coordinator } = fleet;
  // Tests find a free port for it by a flag; who installs one has it here.
  const configPath = join(coordinator.configDir, 'coordinator.yaml');
  const config = await readFile(configPath, 'utf8');
  await writeFile(
    configPath,
    config.replace(/^listen:.*$/m, `listen: "127.0.0.1:${coordinator.port}"`),
  );
  host = await fleet.host('well');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

async function doctor(root: string, ...args: readonly string[]): Promise<Doctored> {
  const { code, stdout, stderr } = await fleet.coordinator.moult(
    ['doctor', '--root', root, '-o', 'json', ...args],
    { timeoutMs: 60_000 },
  );
  if (stdout === '') throw new Error(stderr);
  const found = JSON.parse(stdout);
  return { code, host: found.host?.checks ?? [], coordinator: found.coordinator?.checks ?? [] };
}

/** `outcome code` by name, of what does not pass. */
const troubles = (checks: readonly Check[]) =>
  Object.fromEntries(
    checks
      .filter(({ outcome }) => outcome !== 'pass')
      .map(({ name, outcome, code }) => [name, `${outcome} ${code}`]),
  );

test(
  'H3: a host that is well passes every check, and each thing that breaks is named with what to do',
  async () => {
    const { layout, root } = host;
    const well = await doctor(root);
    expect(troubles(well.host)).toEqual({});
    expect(well).toMatchObject({ code: 0, coordinator: [] });
    expect(well.host.map(({ name }) => name)).toEqual([
      ...['configuration', 'permissions', 'coordinator', 'release'],
      ...['directory', 'disk', 'fallback', 'clock'],
      ...['first-launcher', 'boot-record', 'processes', 'slots', 'database'],
      ...['session', 'upgrade', 'outbox', 'refused', 'owner', 'tasks', 'ca', 'metadata'],
    ]);
    // While the agent works: others can read its key, its first launcher is cut short, its owner made a mistake.
    await chmod(layout.identityKeyPath, 0o644);
    await chmod(join(layout.firstLauncherDir, 'lib/launcher.cjs'), 0o644);
    await truncate(join(layout.firstLauncherDir, 'lib/launcher.cjs'), 10);
    await writeFile(layout.tasksPath, 'tasks: { backup: { programm: /bin/true } }\n');
    const text = await fleet.coordinator.moult(['doctor', '--root', root]);
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/^fail {2}permissions .*identity\.key .*chmod 600 .*\n +next: /m);
    expect(text.stdout).toMatch(
      /^fail {2}first-launcher .*launcher\.cjs: of another length\n +next: /m,
    );
    expect(text.stdout).toMatch(/^fail {2}tasks .*programm.*\n +next: /m);
    expect(text.stdout).toMatch(/^3 of 21 checks fail, 0 warn\.$/m);
    // Stopped, and its state is garbage.
    await host.stop();
    await writeFile(layout.agentDatabasePath, 'no database'.repeat(100));
    await writeFile(layout.bootRecordPath, '{');
    const before = await filesBelow(root);
    const broken = await doctor(root);
    expect(broken.code).toBe(1);
    expect(troubles(broken.host)).toEqual({
      ...{ permissions: 'fail host-unsafe', tasks: 'fail tasks-file-invalid' },
      'first-launcher': 'fail first-launcher-unsound',
      'boot-record': 'fail boot-record-unreadable',
      ...{ processes: 'fail agent-not-serving', database: 'fail state-damaged' },
      state: 'fail state-damaged',
    });
    for (const { code, next } of broken.host) if (code !== null) expect(next).toMatch(/\w/);
    // DR1: nothing is made, changed or removed.
    expect(await filesBelow(root)).toEqual(before);
  },
  TEST_MS,
);

test(
  'H3: a coordinator that is well passes every check, and each thing that breaks is named with what to do',
  async () => {
    const { coordinator, dir } = fleet;
    const root = coordinator.dir;
    const unsaved = await doctor(root);
    expect(troubles(unsaved.coordinator)).toEqual({ backup: 'warn backup-missing' });
    // A warning is no failure.
    expect(unsaved).toMatchObject({ code: 0, host: [] });
    await coordinator.moultOk([
      'coordinator',
      'backup',
      '--root',
      root,
      '--to',
      join(dir, 'b.tgz'),
    ]);
    const well = await doctor(root, '--deep');
    expect(troubles(well.coordinator)).toEqual({});
    expect(well.coordinator.map(({ name }) => name)).toEqual([
      ...['configuration', 'answer', 'permissions', 'disk', 'database', 'restore'],
      ...['certificate', 'ca', 'metadata', 'metadata-size', 'online-keys'],
      ...['releases', 'choices', 'administrators', 'backup', 'handles', 'agents'],
    ]);
    // While it serves: a key that others can read, a blob that is gone, a host that nobody has validated.
    await chmod(join(coordinator.stateDir, 'keys/timestamp.key'), 0o640);
    await rm(await blobOfHost());
    await fleet.host('guest', { validates: false, starts: false });
    const { coordinator: checks, code } = await doctor(root);
    expect(code).toBe(1);
    expect(troubles(checks)).toEqual({
      permissions: 'fail coordinator-unsafe',
      releases: 'fail release-incomplete',
      unvalidated: 'warn agents-unvalidated',
    });
    // Stopped, its metadata past its date, its database garbage.
    await coordinator.stop();
    const timestampPath = join(
      servedDirOf(join(coordinator.stateDir, 'repository')),
      'metadata/timestamp.json',
    );
    const text = await readFile(timestampPath, 'utf8');
    await writeFile(timestampPath, text.replace(/"expires":"\d{4}/, '"expires":"2020'));
    await writeFile(join(coordinator.stateDir, 'coordinator.db'), 'no database'.repeat(100));
    const before = await filesBelow(root);
    const broken = await doctor(root);
    expect(troubles(broken.coordinator)).toMatchObject({
      answer: 'fail coordinator-unreachable',
      metadata: 'fail trust-expired',
      database: 'fail database-corrupt',
      agents: 'fail database-corrupt',
    });
    expect(await filesBelow(root)).toEqual(before);
    await writeFile(join(coordinator.configDir, 'coordinator.yaml'), 'lisen: "127.0.0.1:7400"\n');
    expect(troubles((await doctor(root)).coordinator)).toEqual({
      configuration: 'fail config-invalid',
    });
    const nothing = await coordinator.moult(['doctor', '--root', join(dir, 'nowhere')]);
    expect(nothing).toMatchObject({ code: 1 });
    expect(nothing.stderr).toContain('code: nothing-installed');
  },
  TEST_MS,
);

/** Path, size, mode and time of change of every file. */
async function filesBelow(dir: string): Promise<readonly string[]> {
  const paths = (await readdir(dir, { recursive: true })).sort();
  return Promise.all(
    paths.map(async (path) => {
      const found = await stat(join(dir, path)).catch(() => null);
      return `${path} ${found?.size} ${found?.mode} ${found?.ctimeMs}`;
    }),
  );
}

/** The script that the host runs, as the coordinator has it. */
async function blobOfHost(): Promise<string> {
  const path = join(host.layout.prefixDir, 'versions/current/manifest.json');
  const { files } = parseManifest(await readFile(path, 'utf8'));
  const sha256 = files.find((file) => file.path === 'lib/agent.cjs')?.sha256 ?? '';
  return join(fleet.coordinator.stateDir, 'blobs/sha256', sha256.slice(0, 2), sha256);
}
