/* Every key that signs is replaced while a host sleeps, through the programs that people do it with. */
import { cp, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { versionsDirOf } from '@moult/core/layout';
import {
  loadOnlineKeys,
  loadReleaseKeys,
  type OnlineKeys,
  type SigningKey,
} from '@moult/release/keys';
import { readNewestRoot } from '@moult/release/root-files';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { moult } from '../../scripts/fleet/moult.ts';
import { buildPack } from '../../scripts/fleet/releases.ts';
import { until } from '../../scripts/fleet/until.ts';
import { expectClearFailure } from '../support/clear-failure.ts';
import { FIRST_AGENT } from '../support/e2e-releases.ts';
import { EvilCoordinator } from '../support/evil-coordinator.ts';
import { type Forgery, forge, forgedRelease, type Loot } from '../support/forgeries.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const NEW_AGENT = '1.40.0';
const REFUSED = /"code":"trust-refused"/;
const ATTACK_MS = 40_000;

let fleet: RealFleet;
let sleeper: Host;
let oldToken: string;
let pinned: Buffer;
let old: { readonly release: readonly SigningKey[]; readonly online: OnlineKeys };
/** The offline medium. */
let mediumDir: string;
let evil: EvilCoordinator | null = null;

beforeAll(async () => {
  fleet = await RealFleet.open('rotation');
  const { coordinator } = fleet;
  mediumDir = join(fleet.dir, 'medium');
  sleeper = await fleet.host('sleeper');
  await sleeper.stop();
  oldToken = await coordinator.enrollmentToken({ validates: true });
  pinned = await readFile(sleeper.layout.pinnedRootPath);
  // What a thief copies before the rotation.
  const stolenDir = join(fleet.dir, 'stolen');
  await cp(coordinator.keysDir, stolenDir, { recursive: true });
  const { metadata } = await readNewestRoot(stolenDir);
  old = {
    release: await loadReleaseKeys(stolenDir),
    online: await loadOnlineKeys(stolenDir, metadata),
  };
}, PREPARE_MS);

afterEach(async () => {
  await evil?.close();
  evil = null;
});

afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

async function rotate(what: string, ...more: readonly string[]): Promise<void> {
  const { coordinator } = fleet;
  const { keysDir, dir } = coordinator;
  await coordinator.moultOk(['keys', 'rotate', what, '--keys', keysDir, ...more]);
  const publish = ['release', 'publish-root', '--keys', keysDir];
  if (what === 'online') {
    const refused = await coordinator.moult(publish);
    expectClearFailure(refused, { code: 'online-keys-missing', exitCode: 1, says: /add-keys/ });
    await coordinator.moultOk(['coordinator', 'add-keys', '--root', dir, '--keys', keysDir]);
  }
  await coordinator.moultOk(publish);
}

test(
  'O3: a host that slept while root, release and online keys were rotated twice each wakes up and upgrades to a release of the new keys',
  async () => {
    const { coordinator } = fleet;
    const { keysDir } = coordinator;
    const pid = coordinator.program.pid;
    await rotate('online');
    await rotate('release');
    await rotate('root', '--to', mediumDir);
    expect(await readdir(mediumDir)).toEqual(['root-v4.key']);
    const offline = ['--root-keys', mediumDir];
    await rotate('release', ...offline);
    await rotate('online', ...offline);
    await rotate('root', ...offline);
    // None of it needed another coordinator.
    expect(coordinator.program.pid).toBe(pid);
    const { packPath } = await buildPack({
      spec: { component: 'agent', version: NEW_AGENT, borrowsRuntime: true },
      outDir: join(fleet.dir, 'packs'),
    });
    await coordinator.publish(packPath);

    sleeper.start();
    await sleeper.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up');
    const { command } = await fleet.upgrade('sleeper', NEW_AGENT);
    expect(command).toMatchObject({ state: 'succeeded', outcome: 'succeeded' });
    expect((await sleeper.bootRecord()).components.agent).toMatchObject({
      committed: { version: NEW_AGENT },
    });
    expect(await readFile(sleeper.layout.pinnedRootPath)).toEqual(pinned);
    const trusted = JSON.parse(
      await readFile(join(sleeper.layout.trustDir, 'trusted.json'), 'utf8'),
    );
    expect(JSON.parse(trusted.files['root.json']).signed.version).toBe(7);

    // Who comes now pins the newest root; a token of before pins one that is newest no more.
    const newcomer = await fleet.host('newcomer');
    expect(await readFile(newcomer.layout.pinnedRootPath)).toEqual(
      await readFile(join(keysDir, 'root.json')),
    );
    await newcomer.stop();
    const late = await moult(
      [
        ...['agent', 'enroll', '--coordinator', coordinator.url, '--token', '-'],
        ...['--name', 'late', '--root', join(fleet.dir, 'late')],
      ],
      { homeDir: fleet.dir, input: oldToken, timeoutMs: ATTACK_MS },
    );
    expectClearFailure(late, { code: 'enrollment-pin-mismatch', exitCode: 4, says: /new token/ });
  },
  PREPARE_MS,
);

const ATTACKS: Readonly<Record<string, (loot: Loot) => readonly [Forgery, Loot]>> = {
  'the old online keys': (loot) => [
    (bench) => forgedRelease(bench, old.release),
    { ...loot, onlineKeys: old.online },
  ],
  'the online keys of today': (loot) => [(bench) => forgedRelease(bench, old.release), loot],
};

for (const [name, attack] of Object.entries(ATTACKS)) {
  test(`O3: someone with the old release keys and ${name} installs nothing on a host that knows the new root`, async () => {
    const { coordinator } = fleet;
    const { stateDir } = coordinator;
    const digest = (await sleeper.bootRecord()).components.agent.committed?.digest ?? '';
    await sleeper.stop();
    await coordinator.stop();
    const dir = join(fleet.dir, 'forged');
    await mkdir(dir);
    const markPath = join(fleet.dir, 'taken-over');
    const [forgery, loot] = attack({
      repositoryDir: join(stateDir, 'repository'),
      blobsDir: join(stateDir, 'blobs'),
      keysDir: join(stateDir, 'keys'),
      genuine: { version: FIRST_AGENT, digest },
      markPath,
    });
    const forged = await forge(forgery, loot, dir);
    evil = await EvilCoordinator.open({
      port: coordinator.port,
      cert: await readFile(join(stateDir, 'tls', 'server.pem')),
      key: await readFile(join(stateDir, 'tls', 'server.key')),
      ...forged,
      order: { commandId: `evil${Date.now()}`, component: 'agent', version: forged.version },
    });
    const slots = await readdir(versionsDirOf(sleeper.layout, 'agent'));
    const from = sleeper.lines.length;
    sleeper.start();
    await until(
      'the agent has refused what it got',
      () => sleeper.lines.slice(from).some((line) => REFUSED.test(line)),
      { timeoutMs: ATTACK_MS, detail: () => sleeper.tail() },
    );
    expect(evil.heard).toContain('accept');
    expect(await readdir(versionsDirOf(sleeper.layout, 'agent'))).toEqual(slots);
    await expect(stat(markPath)).rejects.toThrow('ENOENT');
    await sleeper.stop();
    const { stateDir: hostStateDir } = sleeper.layout;
    // It begins the next one with an empty inbox.
    for (const file of await readdir(hostStateDir)) {
      if (file.startsWith('agent.db')) await rm(join(hostStateDir, file));
    }
    await rm(dir, { recursive: true });
  });
}
