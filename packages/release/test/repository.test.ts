import { cp, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LIFETIME_MS } from '@moult/core/trust';
import { describe, expect, test } from 'vitest';
import { importTree } from '../src/import-tree.ts';
import { initKeys, loadOnlineKeys, loadReleaseKeys } from '../src/keys.ts';
import {
  cosignRelease,
  initRepository,
  publish,
  publishedReleases,
  publishState,
  readCurrentState,
  renew,
  servedDirOf,
} from '../src/repository.ts';
import { type RepositoryDisk, systemRepositoryDisk } from '../src/repository-disk.ts';
import { generateKeyPem, signingKeyOf } from '../src/signing-key.ts';
import { StillClock } from './support/clock.ts';
import { type SmallRelease, smallRelease, temporaryDir } from './support/release-tree.ts';
import {
  documentOf,
  newHost,
  publishRelease,
  signedSubmission,
  startWorld,
  type World,
} from './support/world.ts';

const DAY_MS = 86_400_000;

/** Imported, not yet published. */
async function imported(world: World, version: string): Promise<SmallRelease> {
  const release = await smallRelease({ dir: join(world.dir, 'trees'), version });
  await importTree(release, world.blobStore);
  return release;
}

/** Of keys that lie elsewhere. */
async function rootOfNewKeys(): Promise<string> {
  const made = await initKeys({ dir: join(await temporaryDir(), 'keys'), clock: new StillClock() });
  return await readFile(made.rootPath, 'utf8');
}

function place(world: World) {
  const { repositoryDir, onlineKeys, clock, blobStore } = world;
  return { repositoryDir, onlineKeys, clock, blobStore };
}

describe('keys', () => {
  test('are made once, readable by their owner alone, and never overwritten (RL11)', async () => {
    const dir = join(await temporaryDir(), 'keys');
    const clock = new StillClock();
    const made = await initKeys({ dir, clock });
    for (const path of Object.values(made.keyPaths))
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    const before = await readFile(made.keyPaths.root);
    await expect(initKeys({ dir, clock })).rejects.toMatchObject({ code: 'keys-exist' });
    expect(await readFile(made.keyPaths.root)).toEqual(before);
  });

  test('that are missing, or something else, are named without being shown', async () => {
    const dir = await temporaryDir();
    const root = await rootOfNewKeys();
    await expect(loadOnlineKeys(dir, root)).rejects.toMatchObject({ code: 'keys-missing' });
    await expect(loadReleaseKeys(dir)).rejects.toMatchObject({ code: 'keys-missing' });
    await writeFile(join(dir, 'snapshot.key'), 'secret-but-no-key');
    const failure = await loadOnlineKeys(dir, root).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'key-invalid' });
    expect(String(failure)).not.toContain('secret-but-no-key');
  });
});

describe('publishing', () => {
  test('a release goes live, and the same submission again changes nothing (RL12)', async () => {
    const world = await startWorld();
    const release = await imported(world, '1.0.0');
    const submission = await signedSubmission(world, release);
    const first = await publish({ ...place(world), submission });
    expect(await publish({ ...place(world), submission })).toEqual(first);
    expect(await publishedReleases(world.repositoryDir)).toMatchObject([
      { component: 'agent', version: '1.0.0' },
    ]);
  });

  test('versions of online metadata are unix minutes, so that a restored coordinator is not behind (RL16)', async () => {
    const world = await startWorld();
    const minutes = Math.floor(world.clock.nowMs() / 60_000);
    await world.release({ version: '1.0.0' });
    const { timestamp } = await readCurrentState(world.repositoryDir);
    expect(timestamp.metadata.signed.version).toBe(minutes + 1);
    world.clock.advance(10 * 60_000);
    await world.release({ version: '1.0.1' });
    expect((await readCurrentState(world.repositoryDir)).timestamp.metadata.signed.version).toBe(
      minutes + 10,
    );
  });

  test('a version that was published is never changed (RL15)', async () => {
    const world = await startWorld();
    const release = await world.release({ version: '1.0.0' });
    const other = {
      ...documentOf(release),
      manifests: { 'linux-arm64': { sha256: release.digest, length: 5 } },
    };
    await expect(signedSubmission(world, release, other)).rejects.toMatchObject({
      code: 'release-exists',
    });
  });

  test('a release whose blobs are not all imported is refused', async () => {
    const world = await startWorld();
    const release = await smallRelease({ dir: join(world.dir, 'trees'), version: '1.0.0' });
    const submission = await signedSubmission(world, release);
    await expect(publish({ ...place(world), submission })).rejects.toMatchObject({
      code: 'blob-missing',
    });
    await world.blobStore.put(release.manifestBytes);
    await expect(publish({ ...place(world), submission })).rejects.toMatchObject({
      code: 'blob-missing',
    });
  });

  test('of two engineers who sign at once the second is told to sign again (RL12)', async () => {
    const world = await startWorld();
    const one = await signedSubmission(world, await imported(world, '1.0.0'));
    const other = await signedSubmission(world, await imported(world, '1.0.1'));
    await publish({ ...place(world), submission: one });
    await expect(publish({ ...place(world), submission: other })).rejects.toMatchObject({
      code: 'submission-conflict',
      retryable: true,
    });
  });

  test('what no release key signed is refused by a real client before it goes live (RL14)', async () => {
    const world = await startWorld();
    const release = await imported(world, '1.0.0');
    const before = await readlink(servedDirOf(world.repositoryDir));
    const sound = await signedSubmission(world, release);
    const unsigned = (text: string) => JSON.stringify({ ...JSON.parse(text), signatures: [] });
    const foreign = cosignRelease(
      { ...sound, role: unsigned(sound.role), targets: unsigned(sound.targets ?? '{}') },
      [signingKeyOf(generateKeyPem(), 'foreign')],
    );
    for (const submission of [
      foreign,
      { ...sound, targets: null },
      { ...sound, role: unsigned(sound.role) },
    ]) {
      await expect(publish({ ...place(world), submission })).rejects.toMatchObject({
        code: 'repository-refused',
      });
    }
    const stranger = { ...world.onlineKeys, timestamp: signingKeyOf(generateKeyPem(), 'stranger') };
    await expect(
      publish({ ...place(world), onlineKeys: stranger, submission: sound }),
    ).rejects.toMatchObject({
      code: 'repository-refused',
    });
    expect(await readlink(servedDirOf(world.repositoryDir))).toBe(before);
    expect((await readdir(join(world.repositoryDir, 'states'))).length).toBe(1);
  });

  test.each(['document', 'role', 'targets'] as const)(
    'a %s that is no metadata is refused',
    async (field) => {
      const world = await startWorld();
      const sound = await signedSubmission(world, await imported(world, '1.0.0'));
      for (const text of ['', '{}', 'null', '[]', '{"signed":{}}']) {
        const submission = { ...sound, [field]: text };
        await expect(publish({ ...place(world), submission })).rejects.toMatchObject({
          code: 'submission-invalid',
        });
      }
    },
  );

  test('publishing warns at three quarters of a limit and refuses beyond it (RL17)', async () => {
    const world = await startWorld();
    await world.release({ version: '1.0.0' });
    const padded = async (version: string, bytes: number) => {
      const submission = await signedSubmission(world, await imported(world, version));
      const { signed } = JSON.parse(submission.role);
      const role = JSON.stringify({
        signatures: [],
        signed: { ...signed, padding: 'x'.repeat(bytes) },
      });
      return { ...submission, role };
    };
    const keys = await loadReleaseKeys(world.keysDir);
    const near = await publish({
      ...place(world),
      submission: cosignRelease(await padded('1.0.1', 100_000), keys),
    });
    expect(near.warnings.join()).toContain('agent-1');
    const submission = await padded('1.0.2', 131_072);
    expect(() => cosignRelease(submission, keys)).toThrow(
      expect.objectContaining({ code: 'metadata-too-large' }),
    );
    await expect(publish({ ...place(world), submission })).rejects.toMatchObject({
      code: 'metadata-too-large',
    });
  });

  test('old versions of metadata stay for clients in the middle of a refresh, but not for ever (RL18)', async () => {
    const world = await startWorld();
    for (let patch = 0; patch < 12; patch += 1) await world.release({ version: `1.0.${patch}` });
    const names = await readdir(join(servedDirOf(world.repositoryDir), 'metadata'));
    expect(names).toContain('1.root.json');
    expect(names.filter((name) => name.endsWith('.snapshot.json')).length).toBeLessThanOrEqual(9);
    expect((await readdir(join(world.repositoryDir, 'states'))).length).toBe(2);
    const host = await newHost(world);
    await expect(
      host.trust.release({ component: 'agent', version: '1.0.0' }),
    ).resolves.toMatchObject({ component: 'agent' });
  });
});

describe('renewal', () => {
  test('RS13: a restored repository is signed above what its lost life can have signed, once', async () => {
    const world = await startWorld();
    await publishRelease(world, await imported(world, '1.0.0'));
    const before = await readCurrentState(world.repositoryDir);
    const seen = before.timestamp.metadata.signed.version;
    expect(await renew({ ...place(world), versionMin: seen })).toBeNull();
    const done = await renew({ ...place(world), versionMin: seen + 500 });
    expect(done).toMatchObject({ timestampVersion: seen + 500, snapshotVersion: seen + 500 });
    expect(await renew({ ...place(world), versionMin: seen + 500 })).toBeNull();
  });

  test('RS13: a host that saw more than a restored repository has takes it again once it is signed above that', async () => {
    const world = await startWorld();
    await publishRelease(world, await imported(world, '1.0.0'));
    const backupDir = join(world.dir, 'backup');
    const copy = { recursive: true, verbatimSymlinks: true } as const;
    await cp(world.repositoryDir, backupDir, copy);
    const seen = (await readCurrentState(world.repositoryDir)).timestamp.metadata.signed.version;
    await renew({ ...place(world), versionMin: seen + 100 });
    const host = await newHost(world);
    const look = () => host.trust.release({ component: 'agent', version: '1.0.0' });
    await look();
    await rm(world.repositoryDir, { recursive: true });
    await cp(backupDir, world.repositoryDir, copy);
    await expect(look()).rejects.toMatchObject({ code: expect.stringMatching(/^trust-/) });
    await renew({ ...place(world), versionMin: seen + 500 });
    await expect(look()).resolves.toMatchObject({ component: 'agent' });
  });

  test('signs anew when a quarter of the lifetime is left, not before', async () => {
    const world = await startWorld();
    expect(await renew(place(world))).toBeNull();
    world.clock.advance(LIFETIME_MS.timestamp * 0.74);
    expect(await renew(place(world))).toBeNull();
    world.clock.advance(LIFETIME_MS.timestamp * 0.02);
    expect(await renew(place(world))).not.toBeNull();
    expect(await renew(place(world))).toBeNull();
    const { roles } = await publishState(world.repositoryDir, world.clock.nowMs());
    expect(roles.find(({ role }) => role === 'timestamp')).toMatchObject({ isRenewalDue: false });
  });

  test('works after everything online has expired, and the state says what is due', async () => {
    const world = await startWorld();
    const release = await world.release({ version: '1.0.0' });
    world.clock.advance(60 * DAY_MS);
    const due = (await publishState(world.repositoryDir, world.clock.nowMs())).roles.filter(
      ({ isRenewalDue }) => isRenewalDue,
    );
    expect(due.map(({ role }) => role)).toEqual(['snapshot', 'timestamp']);
    await renew(place(world));
    const host = await newHost(world);
    const { version } = release.manifest;
    await expect(host.trust.release({ component: 'agent', version })).resolves.toMatchObject({
      component: 'agent',
    });
  });
});

describe('T9: a crash while publishing', () => {
  /** Fails at the given operation, before or after it was done. */
  function failing(at: number, when: 'before' | 'after'): RepositoryDisk {
    let operations = 0;
    const wrap =
      <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
      async (...args: A): Promise<void> => {
        operations += 1;
        if (operations === at && when === 'before') throw new Error('crashed');
        await work(...args);
        if (operations === at) throw new Error('crashed');
      };
    const { makeDir, link, write, syncTree, swap } = systemRepositoryDisk;
    return {
      makeDir: wrap(makeDir),
      link: wrap(link),
      write: wrap(write),
      syncTree: wrap(syncTree),
      swap: wrap(swap),
      // After a crash nobody cleans up.
      remove: () => Promise.reject(new Error('crashed')),
    };
  }

  test('at any file operation leaves the old state or the new one, and the next publishing works (RL13)', async () => {
    const world = await startWorld();
    await world.release({ version: '1.0.0' });
    const host = await newHost(world);
    let patch = 1;
    let crashes = 0;
    for (const when of ['before', 'after'] as const) {
      let isLive = false;
      // Until the crash comes too late to keep it from going live.
      for (let at = 1; !isLive; at += 1) {
        const version = `1.0.${patch}`;
        const submission = await signedSubmission(world, await imported(world, version));
        const isPublished = await publish({
          ...place(world),
          disk: failing(at, when),
          submission,
        }).then(
          () => true,
          () => false,
        );
        await readCurrentState(world.repositoryDir);
        const releases = await publishedReleases(world.repositoryDir);
        isLive = releases.some((release) => release.version === version);
        if (isPublished) expect(isLive).toBe(true);
        else crashes += 1;
      }
      patch += 1;
    }
    expect(crashes).toBeGreaterThan(20);
    await publish({
      ...place(world),
      submission: await signedSubmission(world, await imported(world, `1.0.${patch}`)),
    });
    await expect(
      host.trust.release({ component: 'agent', version: `1.0.${patch}` }),
    ).resolves.toMatchObject({ component: 'agent' });
  });
});

describe('a repository', () => {
  test('is made once, and its absence or damage has a name', async () => {
    const world = await startWorld();
    const root = await readFile(join(world.keysDir, 'root.json'), 'utf8');
    const targets = await readFile(join(world.keysDir, 'targets.json'), 'utf8');
    await expect(initRepository({ ...place(world), roots: [root], targets })).rejects.toMatchObject(
      {
        code: 'repository-exists',
      },
    );
    const none = join(world.dir, 'none');
    await expect(renew({ ...place(world), repositoryDir: none })).rejects.toMatchObject({
      code: 'repository-missing',
    });
    await writeFile(join(servedDirOf(world.repositoryDir), 'metadata/timestamp.json'), 'torn');
    await expect(renew(place(world))).rejects.toMatchObject({ code: 'repository-corrupt' });
    await expect(publishRelease(world, await imported(world, '1.0.0'))).rejects.toMatchObject({
      code: 'repository-corrupt',
    });
  });

  test('refuses a root that its own keys cannot serve', async () => {
    const dir = await temporaryDir();
    const clock = new StillClock();
    const [one, other] = [join(dir, 'one'), join(dir, 'other')];
    await mkdir(one);
    const keys = await initKeys({ dir: one, clock });
    await initKeys({ dir: other, clock });
    const making = initRepository({
      repositoryDir: join(dir, 'repository'),
      onlineKeys: await loadOnlineKeys(other, await readFile(join(other, 'root.json'), 'utf8')),
      clock,
      roots: [await readFile(keys.rootPath, 'utf8')],
      targets: await readFile(keys.targetsPath, 'utf8'),
    });
    await expect(making).rejects.toMatchObject({ code: 'repository-refused' });
  });
});
