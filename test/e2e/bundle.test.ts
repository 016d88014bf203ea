import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Distributed, writeDeb, writeTarball } from '../../scripts/bundle/distribution.ts';
import { bundleMoult, MOULT_VERSION } from '../../scripts/fleet/bundled-moult.ts';
import { Host } from '../../scripts/fleet/host.ts';
import { madeOnce } from '../../scripts/fleet/made-once.ts';
import { endEverything, type Ran, runToEnd, startProgram } from '../../scripts/fleet/program.ts';
import { HERE } from '../../scripts/fleet/releases.ts';
import { until } from '../../scripts/fleet/until.ts';
import { GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const OLDER_VERSION = '0.0.1';
const hasDpkg = spawnSync('dpkg', ['--version']).status === 0;

let fleet: RealFleet;

beforeAll(async () => {
  fleet = await RealFleet.open('bundle');
}, PREPARE_MS);

afterAll(async () => {
  await endEverything();
  await fleet.close();
});

/** On a host that has nothing: no variable, no checkout, no Node. */
function bare(program: string, args: readonly string[], input = ''): Promise<Ran> {
  return runToEnd({ name: `moult ${args[0]}`, command: program, args, env: {}, cwd: '/', input });
}

async function bareOk(program: string, args: readonly string[], input?: string): Promise<string> {
  const ran = await bare(program, args, input);
  expect(ran).toMatchObject({ code: 0 });
  return ran.stdout;
}

/** Enrolled and started by a program that was installed, and Up. */
async function installedHost(program: string, name: string, root: string): Promise<Host> {
  const { coordinator } = fleet;
  const token = await coordinator.enrollmentToken({ validates: true, group: name });
  const enroll = ['agent', 'enroll', '--coordinator', coordinator.url, '--token', '-'];
  await bareOk(program, [...enroll, '--name', name, '--root', root], token);
  startProgram({
    name: `the launcher of ${name}`,
    command: program,
    args: ['launcher', 'run', '--root', root, '--end-with-stdin'],
    env: {},
  });
  const host = new Host({ name, root });
  await host.whenAgent(coordinator, 'is Up', (agent) => agent.state === 'Up');
  return host;
}

/** Barely compressed: it travels nowhere. */
async function distribution(treeDir: string, version: string) {
  const outDir = join(fleet.dir, 'dist');
  await mkdir(outDir, { recursive: true });
  return { treeDir, outDir, version, platform: HERE, compressionLevel: 1 } as const;
}

async function bundled(version: string): Promise<string> {
  if (version === MOULT_VERSION) return (await madeOnce('moult', bundleMoult)).dir;
  const dir = join(fleet.dir, `bundle-${version}`);
  await bundleMoult(dir, { version });
  return dir;
}

async function debOf(version: string): Promise<Distributed> {
  return await writeDeb(await distribution(await bundled(version), version));
}

// On hosts of their own: side by side they take as long as one.
describe.concurrent('what people download', () => {
  it('H19: one file, unpacked anywhere, enrolls a host that has nothing else, and its agent upgrades itself', async () => {
    const tarball = await writeTarball(
      await distribution(await bundled(MOULT_VERSION), MOULT_VERSION),
    );
    const intoDir = join(fleet.dir, 'unpacked here');
    await mkdir(intoDir);
    execFileSync('tar', ['-xzf', tarball.path, '-C', intoDir]);
    const dir = join(intoDir, basename(tarball.path, '.tar.gz'));
    const program = join(dir, 'bin', 'moult');
    expect(await bareOk(program, ['--version'])).toBe(`${MOULT_VERSION}\n`);
    for (const name of ['LICENSE', 'LICENSE.node', 'NOTICES', 'README.md', 'docs/errors.md'])
      expect(existsSync(join(dir, name))).toBe(true);

    await installedHost(program, 'from-tarball', join(fleet.dir, 'from-tarball'));
    const { command } = await fleet.upgrade('from-tarball', GOOD[0]);
    expect(command).toMatchObject({ state: 'succeeded' });
  });

  it('keeps compiled code for the next call in a cache that is the user’s alone, or not at all', async () => {
    const program = join(await bundled(MOULT_VERSION), 'bin', 'moult');
    const home = join(fleet.dir, 'home');
    await mkdir(home, { mode: 0o755 });
    const version = () =>
      runToEnd({ name: 'moult', command: program, args: ['--version'], env: { HOME: home } });
    await version();
    const kept = join(home, '.cache', 'moult', 'compiled');
    expect(execFileSync('find', [kept, '-type', 'f']).toString()).toMatch(/\/compiled\/v24/);
    expect(execFileSync('find', [home, '-perm', '/go=w']).toString()).toBe('');

    const open = join(fleet.dir, 'open-home');
    await mkdir(open);
    await chmod(open, 0o777);
    const ran = await runToEnd({
      name: 'moult',
      command: program,
      args: ['--version'],
      env: { HOME: open },
    });
    expect(ran).toMatchObject({ code: 0, stdout: `${MOULT_VERSION}\n`, stderr: '' });
    expect(existsSync(join(open, '.cache'))).toBe(false);
  });

  it.runIf(hasDpkg)(
    'H19: an older package put in the place of a newer takes no agent back, and agents go on without any',
    async () => {
      const root = join(fleet.dir, 'packaged');
      await makeDpkgRoot(root);
      const [newer, older] = [await debOf(MOULT_VERSION), await debOf(OLDER_VERSION)];
      dpkg(root, '--install', newer.path);
      const program = join(root, 'usr', 'bin', 'moult');
      expect(await bareOk(program, ['--version'])).toBe(`${MOULT_VERSION}\n`);
      const host = await installedHost(program, 'packaged', root);
      const first = await fleet.upgrade('packaged', GOOD[0]);
      expect(first.command).toMatchObject({ state: 'succeeded' });
      const [record, pid] = [await host.bootRecord(), await host.agentPid()];
      const config = await readFile(host.layout.agentConfigPath);
      expect(record.components.agent.committed?.version).toBe(GOOD[0]);

      dpkg(root, '--install', older.path);
      expect(await bareOk(program, ['--version'])).toBe(`${OLDER_VERSION}\n`);
      expect(await host.bootRecord()).toEqual(record);
      expect(await host.agentPid()).toBe(pid);
      expect(await readFile(host.layout.agentConfigPath)).toEqual(config);
      expect(await bareOk(program, ['agent', 'status', '--root', root])).toMatch(
        new RegExp(`serving: +yes, process ${pid}\n(.*\n)*agent committed: +${GOOD[0]} `),
      );
      const second = await fleet.upgrade('packaged', GOOD[1]);
      expect(second.command).toMatchObject({ state: 'succeeded' });

      dpkg(root, '--remove', 'moult');
      expect(existsSync(join(root, 'usr', 'lib', 'moult'))).toBe(false);
      const upgraded = await host.bootRecord();
      expect(upgraded.components.agent.committed?.version).toBe(GOOD[1]);
      const [launcherPid, agentPid] = [await host.launcherPid(), await host.agentPid()];
      await host.killLauncher();
      await until(
        'another launcher and another agent run',
        async () => {
          const pids = [await host.launcherPid(), await host.agentPid()];
          return !pids.includes(null) && pids[0] !== launcherPid && pids[1] !== agentPid;
        },
        { timeoutMs: 30_000 },
      );
      expect(await host.bootRecord()).toEqual(upgraded);
      const third = await fleet.upgrade('packaged', GOOD[2]);
      expect(third.command).toMatchObject({ state: 'succeeded' });
    },
  );
});

/** What dpkg wants to find, and nothing installed. */
async function makeDpkgRoot(root: string): Promise<void> {
  const adminDir = join(root, 'var', 'lib', 'dpkg');
  for (const name of ['info', 'updates']) await mkdir(join(adminDir, name), { recursive: true });
  for (const name of ['status', 'available']) await writeFile(join(adminDir, name), '');
}

/** Of the C library nothing is known below this root; and whoever runs tests need not be root. */
function dpkg(root: string, ...args: readonly string[]): void {
  const forced = ['depends', 'not-root', 'bad-path', 'unsafe-io'].map((what) => `--force-${what}`);
  execFileSync('dpkg', [`--root=${root}`, `--log=${root}/dpkg.log`, ...forced, ...args], {
    stdio: 'pipe',
  });
}
