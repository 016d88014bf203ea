import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LIFETIME_MS } from '@moult/core/trust';
import { describe, expect, test } from 'vitest';
import { initKeys, loadNamedKeys, loadOnlineKeys, loadReleaseKeys } from '../src/keys.ts';
import { type KeysDisk, systemKeysDisk } from '../src/keys-disk.ts';
import { initRepository, readCurrentState, signRoot } from '../src/repository.ts';
import { readNewestRoot, readRootChain } from '../src/root-files.ts';
import type { Rotation } from '../src/root-rotation.ts';
import { StillClock } from './support/clock.ts';
import { temporaryDir } from './support/release-tree.ts';
import { publishRoots, rotate, rotateLive, signedRoot } from './support/rotation.ts';
import { startWorld } from './support/world.ts';

interface Keys {
  readonly keysDir: string;
  readonly clock: StillClock;
}

async function newKeys(): Promise<Keys> {
  const keysDir = join(await temporaryDir(), 'keys');
  const clock = new StillClock();
  await initKeys({ dir: keysDir, clock });
  return { keysDir, clock };
}

/** Every role has the keys that the newest root wants, and every link follows from the one before. */
async function expectWorkingSet(keys: Keys, rootKeyDirs = [keys.keysDir]): Promise<void> {
  const { keysDir } = keys;
  const { metadata: root } = await readNewestRoot(keysDir);
  await loadNamedKeys({ dirs: rootKeyDirs, role: 'root', root });
  await loadNamedKeys({ dirs: [keysDir], role: 'release', root });
  await loadOnlineKeys(keysDir, root);
  const chain = await readRootChain(keysDir);
  for (const [index, link] of chain.entries()) {
    const before = chain[index - 1];
    expect(link.version).toBe(index + 1);
    link.metadata.verifyDelegate('root', link.metadata);
    before?.metadata.verifyDelegate('root', link.metadata);
  }
}

async function keyNames(dir: string): Promise<readonly string[]> {
  return (await readdir(dir)).filter((name) => name.endsWith('.key')).sort();
}

describe('rotating keys on disk', () => {
  test('makes the next root, signed by the keys before and its own, and keeps old keys aside (RL50 RL51)', async () => {
    const keys = await newKeys();
    const old = await readFile(join(keys.keysDir, 'root.key'), 'utf8');
    for (const rotation of ['online', 'release', 'root', 'renewal'] as const) {
      keys.clock.advance(60_000);
      const before = await readNewestRoot(keys.keysDir);
      const made = await rotate(keys, rotation);
      expect(made).toMatchObject({
        version: before.version + 1,
        expiresMs: keys.clock.nowMs() + LIFETIME_MS.root,
        isResumed: false,
      });
      const replaced = { online: 2, release: 1, root: 1, renewal: 0 }[rotation];
      expect(made.newKeyPaths).toHaveLength(replaced);
      expect(made.retiredKeyPaths).toHaveLength(replaced);
      for (const path of made.newKeyPaths) expect((await stat(path)).mode & 0o777).toBe(0o600);
      await expectWorkingSet(keys);
    }
    expect(await keyNames(keys.keysDir)).toEqual([
      'release-v3.key',
      'root-v4.key',
      'snapshot-v2.key',
      'timestamp-v2.key',
    ]);
    const retiredDir = join(keys.keysDir, 'retired');
    const retired = await keyNames(retiredDir);
    expect(retired.map((name) => name.split('.')[0])).toEqual([
      'release',
      'root',
      'snapshot',
      'timestamp',
    ]);
    expect(await readFile(join(retiredDir, retired[1] ?? ''), 'utf8')).toBe(old);
  });

  test('moves root keys to media of their own with a threshold, and wants that many from then on (RL50)', async () => {
    const keys = await newKeys();
    const { keysDir } = keys;
    const media = ['a', 'b', 'c'].map((name) => join(keysDir, '..', name));
    const [a = '', b = '', c = ''] = media;
    await rotate(keys, 'root', { newKeyDirs: media, threshold: 2 });
    expect(await keyNames(keysDir)).toEqual(['release.key', 'snapshot.key', 'timestamp.key']);
    for (const medium of media) expect(await keyNames(medium)).toEqual(['root-v2.key']);
    for (const rootKeyDirs of [[keysDir], [a], [a, a]]) {
      await expect(rotate(keys, 'release', { rootKeyDirs })).rejects.toMatchObject({
        code: expect.stringMatching(/^keys-(missing|below-threshold)$/),
      });
    }
    await rotate(keys, 'release', { rootKeyDirs: [a, c] });
    await expectWorkingSet(keys, [b, c]);
    // One medium was lost: two of three make new ones.
    await rm(b, { recursive: true });
    await rotate(keys, 'root', { rootKeyDirs: [a, c], newKeyDirs: media });
    await expectWorkingSet(keys, media);
    expect(await keyNames(a)).toEqual(['root-v4.key']);
    expect(await keyNames(join(a, 'retired'))).toHaveLength(1);
  });

  test('a threshold above the number of new keys makes nothing', async () => {
    const keys = await newKeys();
    const before = await readdir(keys.keysDir);
    await expect(rotate(keys, 'release', { threshold: 2 })).rejects.toMatchObject({
      code: 'keys-below-threshold',
    });
    expect(await readdir(keys.keysDir)).toEqual(before);
  });

  test('a set that was rotated makes a new coordinator, whose hosts of the first root find their way', async () => {
    const keys = await newKeys();
    for (const rotation of ['release', 'online', 'root'] as const) await rotate(keys, rotation);
    const chain = await readRootChain(keys.keysDir);
    const repositoryDir = join(keys.keysDir, '..', 'repository');
    const root = await readNewestRoot(keys.keysDir);
    const published = await initRepository({
      repositoryDir,
      clock: keys.clock,
      onlineKeys: await loadOnlineKeys(keys.keysDir, root.metadata),
      roots: chain.map(({ text }) => text),
      targets: await readFile(join(keys.keysDir, 'targets.json'), 'utf8'),
    });
    expect(published.rootVersion).toBe(4);
  });
});

describe('T9: a rotation that crashes', () => {
  function failing(at: number, when: 'before' | 'after'): KeysDisk {
    let operations = 0;
    const wrap =
      <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
      async (...args: A): Promise<void> => {
        operations += 1;
        if (operations === at && when === 'before') throw new Error('crashed');
        await work(...args);
        if (operations === at) throw new Error('crashed');
      };
    const { makeDir, write, move } = systemKeysDisk;
    return { makeDir: wrap(makeDir), write: wrap(write), move: wrap(move) };
  }

  const rotations: readonly Rotation[] = ['root', 'release', 'online', 'renewal'];

  test.each(rotations)(
    'of %s keys at any file operation leaves a working set, and run again makes one version (RL51)',
    async (rotation) => {
      let crashes = 0;
      for (const when of ['before', 'after'] as const) {
        let isOver = false;
        for (let at = 1; !isOver; at += 1) {
          const keys = await newKeys();
          const before = await keyNames(keys.keysDir);
          isOver = await rotate(keys, rotation, { disk: failing(at, when) }).then(
            () => true,
            () => false,
          );
          await expectWorkingSet(keys);
          // The last operation says that it is finished: what crashes after that was done.
          const names: readonly string[] = await readdir(join(keys.keysDir, 'roots')).catch(
            () => [],
          );
          if (isOver || names.includes('2.root.json')) continue;
          crashes += 1;
          await rotate(keys, rotation);
          await expectWorkingSet(keys);
          expect((await readNewestRoot(keys.keysDir)).version).toBe(2);
          const retired = await keyNames(join(keys.keysDir, 'retired')).catch(() => []);
          expect([...retired, ...(await keyNames(keys.keysDir))].length).toBe(
            before.length + retired.length,
          );
        }
      }
      expect(crashes).toBeGreaterThan(6);
    },
  );

  test('another rotation finishes the interrupted one and makes its own (RL51)', async () => {
    const keys = await newKeys();
    // Just after the switch: keys, link before, root.
    const crashing = rotate(keys, 'release', { disk: failing(5, 'after') });
    await expect(crashing).rejects.toThrow('crashed');
    expect((await readNewestRoot(keys.keysDir)).version).toBe(2);
    expect(await rotate(keys, 'online')).toMatchObject({ version: 3, isResumed: false });
    await expectWorkingSet(keys);
    expect(await keyNames(join(keys.keysDir, 'retired'))).toHaveLength(3);
  });
});

describe('bringing a root to the coordinator', () => {
  test('release keys sign all releases anew, and nothing else changes (RL52)', async () => {
    const world = await startWorld();
    await world.release({ version: '1.0.0' });
    await world.release({ version: '2.0.0' });
    await world.release({ version: '1.0.0', component: 'launcher' });
    const before = await readCurrentState(world.repositoryDir);
    await rotate(world, 'release');
    const submission = await signedRoot(world);
    await publishRoots(world, submission);
    // The answer was lost: again is no error.
    const again = await publishRoots(world, submission);
    const after = await readCurrentState(world.repositoryDir);
    expect(again.timestampVersion).toBe(after.timestamp.metadata.signed.version);
    for (const [name, role] of after.roles) {
      expect(role.metadata.signed.targets, name).toEqual(
        before.roles.get(name)?.metadata.signed.targets,
      );
    }
    const [key] = await loadReleaseKeys(world.keysDir);
    for (const role of [after.targets, ...after.roles.values()])
      expect(Object.keys(role.metadata.signatures)).toEqual([key?.keyId]);
  });

  test('without the new online keys, or without new signatures, the last good metadata stays live (RL52)', async () => {
    const world = await startWorld();
    await world.release({ version: '1.0.0' });
    const before = await readCurrentState(world.repositoryDir);
    await rotate(world, 'online');
    await rotate(world, 'release');
    const submission = await signedRoot(world);
    const hidden = join(world.dir, 'timestamp.hidden');
    const path = join(world.keysDir, 'timestamp-v2.key');
    const key = await readFile(path);
    const oldKey = await readFile(
      join(world.keysDir, 'retired', (await keyNames(join(world.keysDir, 'retired')))[2] ?? ''),
    );
    await writeFile(hidden, key);
    await writeFile(path, oldKey);
    await expect(publishRoots(world, submission)).rejects.toMatchObject({
      code: 'online-keys-missing',
    });
    await writeFile(path, key);
    for (const partial of [
      { ...submission, targets: null, roles: [] },
      { ...submission, roles: [] },
      { ...submission, targets: null },
    ]) {
      await expect(publishRoots(world, partial)).rejects.toMatchObject({
        code: 'repository-refused',
      });
    }
    expect((await readCurrentState(world.repositoryDir)).dir).toBe(before.dir);
    await publishRoots(world, submission);
    expect((await readCurrentState(world.repositoryDir)).root.metadata.signed.version).toBe(3);
  });

  test('what the release keys before did not sign is not signed anew (RL53)', async () => {
    const world = await startWorld();
    await world.release({ version: '1.0.0' });
    await rotate(world, 'release');
    const state = await readCurrentState(world.repositoryDir);
    const role = JSON.parse(state.roles.get('agent-1')?.bytes.toString() ?? '');
    const target = Object.values<{ length: number }>(role.signed.targets)[0];
    if (target !== undefined) target.length += 1;
    const live = {
      root: state.root.bytes.toString(),
      targets: state.targets.bytes.toString(),
      roles: [{ name: 'agent-1', metadata: JSON.stringify(role) }],
    };
    const sign = (shown: typeof live) =>
      readRootChain(world.keysDir).then((chain) =>
        signRoot({
          chain,
          live: shown,
          releaseKeys: () => loadReleaseKeys(world.keysDir),
          nowMs: world.clock.nowMs(),
        }),
      );
    await expect(sign(live)).rejects.toMatchObject({ code: 'root-refused' });
    await expect(sign({ ...live, roles: [] })).rejects.toMatchObject({ code: 'root-refused' });
    const other = await startWorld();
    const foreign = (await readCurrentState(other.repositoryDir)).root.bytes.toString();
    await expect(sign({ ...live, root: foreign })).rejects.toMatchObject({ code: 'root-conflict' });
  });

  test('of two who rotated from one root the second is told so', async () => {
    const world = await startWorld();
    await rotate(world, 'online');
    const one = await signedRoot(world);
    await publishRoots(world, one);
    const forked = one.roots.map((text) => text.replace(/\s*$/, '\n\n'));
    await expect(publishRoots(world, { ...one, roots: forked })).rejects.toMatchObject({
      code: 'root-conflict',
    });
  });

  test.each([0.8, 1.2])(
    'releases that nobody published are signed anew, at %f of their two years',
    async (share) => {
      const world = await startWorld();
      await world.release({ version: '1.0.0' });
      await expect(signedRoot(world)).rejects.toThrow('nothing to publish');
      world.clock.advance(LIFETIME_MS.release * share);
      await publishRoots(world);
      const { roles, root } = await readCurrentState(world.repositoryDir);
      expect(root.metadata.signed.version).toBe(1);
      expect(Date.parse(roles.get('agent-1')?.metadata.signed.expires ?? '')).toBe(
        world.clock.nowMs() + LIFETIME_MS.release,
      );
    },
  );

  test('three quarters of the way that hosts walk is said, and how far back it reaches after that (RL17)', async () => {
    const world = await startWorld();
    for (let count = 0; count < 48; count += 1) await rotate(world, 'renewal');
    expect((await publishRoots(world)).warnings.join()).toContain('root version 49');
    for (let count = 0; count < 17; count += 1) await rotate(world, 'renewal');
    expect((await publishRoots(world)).warnings.join()).toContain('root version 1 or an older one');
  });

  test('old online keys are of no use to the coordinator once a root names others', async () => {
    const world = await startWorld();
    const old = world.onlineKeys;
    await rotateLive(world, 'online');
    expect(world.onlineKeys.timestamp.keyId).not.toBe(old.timestamp.keyId);
  });
});
