/* O3: hosts that were away while keys changed, through the code that agents run. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LIFETIME_MS, TRUST_LIMITS } from '@moult/core/trust';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Of } from '../src/digest.ts';
import {
  buildRoot,
  loadReleaseKeys,
  loadRootKeys,
  type OnlineKeys,
  type SigningKey,
} from '../src/keys.ts';
import { publishRoot, readCurrentState } from '../src/repository.ts';
import { generateKeyPem, signingKeyOf } from '../src/signing-key.ts';
import type { Refreshed } from '../src/trust-client.ts';
import { forge, roleWith, serve } from './support/evil.ts';
import { publishRoots, rotate, rotateLive } from './support/rotation.ts';
import { type Host, newHost, startWorld, type World } from './support/world.ts';

const DAY_MS = 86_400_000;
/** A world with a release, rotations, and a first look: seconds each where everything is slow. */
const PREPARE_MS = 60_000;
const WANTED = { component: 'agent', version: '1.0.0' } as const;

async function awakeHost(): Promise<{ readonly world: World; readonly host: Host }> {
  const world = await startWorld();
  await world.release({ version: '1.0.0' });
  const host = await newHost(world);
  await host.trust.refresh();
  return { world, host };
}

const trusted = (host: Host) => readFile(join(host.layout.trustDir, 'trusted.json'), 'utf8');

describe('an agent that slept', () => {
  test('through six roots, in which every key changed twice, and two years finds its way and can upgrade (RL54)', async () => {
    const { world, host } = await awakeHost();
    const pinned = await stat(host.layout.pinnedRootPath);
    for (const rotation of ['online', 'release', 'root', 'online', 'release', 'root'] as const) {
      world.clock.advance(120 * DAY_MS);
      await rotateLive(world, rotation);
    }
    const release = await world.release({ version: '1.1.0' });
    expect(await host.trust.refresh()).toMatchObject({ rootVersion: 7 });
    const manifest = await host.trust.manifest({
      component: 'agent',
      version: '1.1.0',
      platform: 'linux-x64',
    });
    expect(manifest.digest).toBe(release.digest);
    await expect(host.trust.release(WANTED)).resolves.toMatchObject(WANTED);
    // The pinned root is as it was, and the way is not walked again.
    expect(await readFile(host.layout.pinnedRootPath)).toEqual(
      await readFile(join(world.keysDir, 'roots', '1.root.json')),
    );
    expect((await stat(host.layout.pinnedRootPath)).ino).toBe(pinned.ino);
    const from = world.requests.length;
    await host.trust.refresh();
    expect(
      world.requests.slice(from).filter(({ path }) => path.endsWith('.root.json')),
    ).toMatchObject([{ path: '/tuf/metadata/8.root.json' }]);
    // Who comes now pins the newest root.
    const newcomer = await newHost(world);
    expect(await readFile(newcomer.layout.pinnedRootPath)).toEqual(
      (await readCurrentState(world.repositoryDir)).root.bytes,
    );
    await expect(newcomer.trust.release(WANTED)).resolves.toMatchObject(WANTED);
  });

  test('walks over roots that expired long ago, as long as the newest has not (RL54)', async () => {
    const { world, host } = await awakeHost();
    for (let count = 0; count < 3; count += 1) {
      world.clock.advance(LIFETIME_MS.root * 0.8);
      await rotate(world, 'renewal');
      await publishRoots(world);
    }
    expect(await host.trust.refresh()).toMatchObject({ rootVersion: 4 });
    world.clock.advance(LIFETIME_MS.root + DAY_MS);
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-expired' });
  });

  test('through 64 roots arrives, and through 65 says that it must be pinned anew (RL54)', async () => {
    const { world, host } = await awakeHost();
    const limit = TRUST_LIMITS.rootRotationsMax;
    await rotate(world, 'renewal');
    await publishRoots(world);
    const second = await newHost(world);
    for (let count = 0; count < limit; count += 1) await rotate(world, 'renewal');
    await publishRoots(world);
    await expect(second.trust.refresh()).resolves.toMatchObject({ rootVersion: limit + 2 });
    await rotateLive(world, 'online');
    const before = await trusted(host);
    await expect(host.trust.refresh()).rejects.toMatchObject({
      code: 'trust-root-too-old',
      remedy: expect.stringContaining('moult agent pin-root'),
    });
    expect(await trusted(host)).toBe(before);
    // What `agent pin-root` does.
    await writeFile(host.layout.pinnedRootPath, await readFile(join(world.keysDir, 'root.json')));
    await expect(host.trust.refresh()).resolves.toMatchObject({ rootVersion: limit + 3 });
  });
});

describe('a forged link', () => {
  interface Bench {
    readonly world: World;
    readonly version: number;
    readonly own: SigningKey;
    readonly rootKeys: readonly SigningKey[];
    /** A root for these keys, signed by those. */
    readonly root: (of: {
      readonly version?: number;
      readonly keys: readonly SigningKey[];
      readonly threshold?: number;
      readonly signers: readonly SigningKey[];
      readonly expiresMs?: number;
    }) => Buffer;
  }

  const FORGERIES: Readonly<Record<string, (bench: Bench) => Buffer>> = {
    'signed by the old keys only': ({ root, own, rootKeys }) =>
      root({ keys: [own], signers: rootKeys }),
    'signed by the new keys only': ({ root, own }) => root({ keys: [own], signers: [own] }),
    'of a version that was skipped': ({ root, version, rootKeys }) =>
      root({ version: version + 1, keys: rootKeys, signers: rootKeys }),
    'of the version before': ({ root, version, rootKeys }) =>
      root({ version: version - 1, keys: rootKeys, signers: rootKeys }),
    'below its own threshold': ({ root, own, rootKeys }) =>
      root({ keys: [...rootKeys, own], threshold: 3, signers: [...rootKeys] }),
    'below the threshold of the root before': ({ root, rootKeys }) =>
      root({ keys: rootKeys.slice(0, 1), threshold: 1, signers: rootKeys.slice(0, 1) }),
    'larger than agents read': ({ root, rootKeys }) =>
      Buffer.concat([
        root({ keys: rootKeys, signers: rootKeys }),
        Buffer.alloc(TRUST_LIMITS.rootBytesMax, ' '),
      ]),
    'that has expired': ({ world, root, rootKeys }) =>
      root({ keys: rootKeys, signers: rootKeys, expiresMs: world.clock.nowMs() - DAY_MS }),
    'that is no root': () => Buffer.from('{"signed":{"_type":"targets"},"signatures":[]}'),
  };

  /** Behind a root that wants two of its keys. */
  async function makeBench(world: World): Promise<Bench> {
    const version = 3;
    const media = ['a', 'b'].map((name) => join(world.dir, name));
    await rotate(world, 'root', { newKeyDirs: media, threshold: 2 });
    await publishRoots(world);
    const rootKeys = (await Promise.all(media.map(loadRootKeys))).flat();
    const releaseKeys = await loadReleaseKeys(world.keysDir);
    const { snapshot, timestamp } = world.onlineKeys;
    return {
      world,
      version,
      rootKeys,
      own: signingKeyOf(generateKeyPem(), 'own'),
      root: (of) =>
        buildRoot({
          version: of.version ?? version,
          expiresMs: of.expiresMs ?? world.clock.nowMs() + LIFETIME_MS.root,
          roles: {
            root: { keys: of.keys, threshold: of.threshold ?? Math.min(2, of.keys.length) },
            targets: { keys: releaseKeys, threshold: 1 },
            snapshot: { keys: [snapshot], threshold: 1 },
            timestamp: { keys: [timestamp], threshold: 1 },
          },
          signers: of.signers,
        }),
    };
  }

  let bench: Bench;
  let host: Host;
  let seen: Refreshed;
  beforeAll(async () => {
    const awake = await awakeHost();
    host = awake.host;
    bench = await makeBench(awake.world);
    seen = await host.trust.refresh();
  }, PREPARE_MS);

  test.each(Object.keys(FORGERIES))(
    '%s is refused by agent and coordinator, which go on with what they have (RL55)',
    async (name) => {
      const { world } = bench;
      const before = await trusted(host);
      const live = (await readCurrentState(world.repositoryDir)).dir;
      const bytes = FORGERIES[name]?.(bench) ?? Buffer.alloc(0);
      serve(world, { '/tuf/metadata/3.root.json': bytes });
      await expect(host.trust.refresh()).rejects.toMatchObject({
        code: expect.stringMatching(/^trust-(refused|rollback|too-large|expired)$/),
      });
      expect(await trusted(host)).toBe(before);
      world.intruder = null;
      expect(await host.trust.refresh()).toEqual(seen);
      const { repositoryDir, clock, onlineKeys } = world;
      await expect(
        publishRoot({
          repositoryDir,
          clock,
          submission: { roots: [bytes.toString()], targets: null, roles: [] },
          onlineKeysOf: () => Promise.resolve(onlineKeys),
        }),
      ).rejects.toMatchObject({
        code: expect.stringMatching(/^(root-refused|root-conflict|repository-refused)$/),
      });
      expect((await readCurrentState(world.repositoryDir)).dir).toBe(live);
    },
  );

  test('that is none at all is taken: the same bench makes a sound one', async () => {
    const { world, root, rootKeys } = bench;
    serve(world, { '/tuf/metadata/3.root.json': root({ keys: rootKeys, signers: rootKeys }) });
    await expect(host.trust.refresh()).resolves.toMatchObject({ rootVersion: 3 });
  });
});

describe('keys that were rotated out', () => {
  interface Old {
    readonly online: OnlineKeys;
    readonly release: readonly SigningKey[];
    readonly root: readonly SigningKey[];
  }
  const EVIL = { component: 'agent', version: '1.66.0' } as const;
  let world: World;
  let host: Host;
  let old: Old;

  beforeAll(async () => {
    ({ world, host } = await awakeHost());
    old = {
      online: world.onlineKeys,
      release: await loadReleaseKeys(world.keysDir),
      root: await loadRootKeys(world.keysDir),
    };
    await rotateLive(world, 'online', 'release', 'root');
    await host.trust.refresh();
  }, PREPARE_MS);

  /** Names a release of the attacker's. */
  function evilRole(): ReturnType<typeof roleWith> {
    const hashes = { sha256: sha256Of('evil') };
    return roleWith({
      version: 9,
      target: { path: 'releases/agent/1.66.0.json', length: 4, hashes },
      keys: old.release,
      nowMs: world.clock.nowMs(),
    });
  }

  const ATTACKS: Readonly<Record<string, () => Promise<void>>> = {
    'the old online keys': () => forge(world, { keys: old.online }),
    'the old online and release keys': () =>
      forge(world, { keys: old.online, roles: { 'agent-1': evilRole() } }),
    'the old release keys and the online keys of today': () =>
      forge(world, { roles: { 'agent-1': evilRole() } }),
    'the old release keys, for the list of all releases': () =>
      forge(world, { roles: { targets: evilRole() } }),
    'all old keys, with a root that brings them back': async () => {
      const root = buildRoot({
        version: 5,
        expiresMs: world.clock.nowMs() + LIFETIME_MS.root,
        roles: {
          root: { keys: old.root, threshold: 1 },
          targets: { keys: old.release, threshold: 1 },
          snapshot: { keys: [old.online.snapshot], threshold: 1 },
          timestamp: { keys: [old.online.timestamp], threshold: 1 },
        },
        signers: old.root,
      });
      serve(world, { '/tuf/metadata/5.root.json': root });
    },
  };

  test.each(Object.keys(ATTACKS))(
    'make nothing that an agent takes which knows the newest root: %s (RL56)',
    async (name) => {
      await ATTACKS[name]?.();
      await expect(host.trust.release(EVIL)).rejects.toMatchObject({
        code: expect.stringMatching(/^trust-/),
      });
      world.intruder = null;
      await expect(host.trust.release(WANTED)).resolves.toMatchObject(WANTED);
    },
  );
});
