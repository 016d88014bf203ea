import { readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeArchive } from '@moult/release/archive';
import { readCurrentState } from '@moult/release/repository';
import { systemClock } from '@moult/runtime/clock';
import { systemRandom } from '@moult/runtime/random';
import { openInlineSqliteStore } from '@moult/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { finishRestore } from '../src/backup/swap.ts';
import { pathsOf } from '../src/config.ts';
import { makeBackup, restoreBackup } from '../src/index.ts';
import { Fixture } from './support/fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.make();
  await fixture.publishTwo();
});
afterEach(() => fixture.stop());

const signal = new AbortController().signal;
const backUp = (to: string, withBlobs = false) =>
  makeBackup({
    paths: fixture.init.paths,
    to,
    withBlobs,
    version: '1.2.3',
    clock: systemClock,
    signal,
  });
const elsewhere = () =>
  pathsOf({
    root: join(fixture.dir, 'elsewhere'),
    configPath: null,
    stateDir: '/var/lib/moult-coordinator',
  });
const restore = (path: string, paths = elsewhere(), isForced = false) =>
  restoreBackup({
    path,
    paths,
    isForced,
    principal: 'restore',
    clock: systemClock,
    random: systemRandom,
    signal,
  });

async function opened<T>(
  path: string,
  use: (store: Awaited<ReturnType<typeof openInlineSqliteStore>>) => Promise<T>,
): Promise<T> {
  const store = await openInlineSqliteStore({ path, random: systemRandom });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

describe('RS14: a backup', () => {
  test('is made while the coordinator serves, whole under its name, for its owner alone', async () => {
    await fixture.enroll('web-1');
    const made = await backUp(fixture.dir);
    expect(made.path).toMatch(/moult-coordinator-\d{8}T\d{6}Z\.tar\.gz$/);
    expect((await stat(made.path)).mode & 0o777).toBe(0o600);
    expect(made.position).toBe((await fixture.store.read('storeLife', null)).position);
    expect(made.notInIt.join()).toContain('--with-blobs');
    const left = await readdir(fixture.init.paths.stateDir);
    expect(left.filter((name) => name.startsWith('staging'))).toEqual([]);
  });

  test('leaves nothing under its name when it cannot be written', async () => {
    const path = join(fixture.dir, 'not-there', 'moult.tar.gz');
    await expect(backUp(path)).rejects.toMatchObject({ code: 'file-unwritable' });
  });

  test('brings back store, keys, configuration and metadata elsewhere, in a new life', async () => {
    await fixture.enroll('web-1');
    const { path, position } = await backUp(join(fixture.dir, 'moult.tar.gz'));
    await fixture.enroll('web-2');
    const paths = elsewhere();
    const restored = await restore(path);
    expect(restored).toMatchObject({ aside: null, hasTakenConfig: true });
    const names = await opened(paths.databasePath, async (store) => {
      expect(await store.read('storeLife', null)).toEqual({
        generation: restored.generation,
        position: position + 1,
      });
      expect(await store.read('unadoptedLife', null)).toMatchObject({ origin: 'restored' });
      const page = { names: null, group: null, after: null, limit: 9 };
      return (await store.read('agentPage', page)).map((view) => view.instance.agent_name);
    });
    expect(names).toEqual(['web-1']);
    const before = await readCurrentState(fixture.init.paths.repositoryDir);
    const after = await readCurrentState(paths.repositoryDir);
    expect(after.timestamp.bytes).toEqual(before.timestamp.bytes);
    const key = 'timestamp.key';
    expect(await readFile(join(paths.keysDir, key))).toEqual(
      await readFile(join(fixture.init.paths.keysDir, key)),
    );
    expect(await readFile(paths.configPath, 'utf8')).toContain('listen:');
    expect(await readdir(paths.stateDir)).not.toContain('restoring.json');
  });

  test('with blobs brings back the content of releases', async () => {
    const blob = join(fixture.init.paths.blobsDir, 'sha256', 'aa');
    await rm(blob, { recursive: true, force: true });
    const { openBlobStore } = await import('@moult/release/blob-store');
    const sha256 = await (await openBlobStore(fixture.init.paths.blobsDir)).put(Buffer.from('x'));
    const { path } = await backUp(join(fixture.dir, 'moult.tar.gz'), true);
    await restore(path);
    expect(await (await openBlobStore(elsewhere().blobsDir)).verify(sha256)).toBe(true);
  });
});

describe('RS14: a restore', () => {
  test('is refused while a coordinator runs on that state, and over one without --force', async () => {
    const { path } = await backUp(join(fixture.dir, 'moult.tar.gz'));
    const { paths } = fixture.init;
    await expect(restore(path, paths, true)).rejects.toMatchObject({ code: 'database-locked' });
    await restore(path);
    await expect(restore(path)).rejects.toMatchObject({ code: 'state-in-use' });
    const again = await restore(path, elsewhere(), true);
    expect(again.aside).toMatch(/before-\d+$/);
    expect(await readdir(again.aside ?? '')).toContain('coordinator.db');
  });

  test('takes nothing that is cut short, changed, strange or none of ours, and touches nothing then', async () => {
    const { path } = await backUp(join(fixture.dir, 'moult.tar.gz'));
    await restore(path);
    const before = await readdir(elsewhere().stateDir);
    const bytes = await readFile(path);
    const bad = join(fixture.dir, 'bad.tar.gz');
    const tree = join(fixture.dir, 'trust');
    await symlink('/etc/passwd', join(tree, 'link'));
    for (const [name, member] of [
      ['link', 'link'],
      ['other', 'root.json'],
    ] as const) {
      const at = join(fixture.dir, `${name}.tar.gz`);
      await writeArchive({ treeDir: tree, names: [member], path: at, signal });
    }
    await writeFile(bad, bytes.subarray(0, bytes.length / 2));
    for (const name of ['bad', 'link', 'other']) {
      const refused = restore(join(fixture.dir, `${name}.tar.gz`), elsewhere(), true);
      await expect(refused).rejects.toMatchObject({ code: 'backup-invalid' });
    }
    expect(await readdir(elsewhere().stateDir)).toEqual(before);
  });

  test.each(['leaving', 'coming'])(
    'that a power cut ends in the step “%s” is gone on with before anything is served',
    async (step) => {
      const { path } = await backUp(join(fixture.dir, 'moult.tar.gz'));
      const first = await restore(path);
      const paths = elsewhere();
      const { stateDir } = paths;
      const second = await restore(path, paths, true);
      // As the cut leaves it: some parts have moved, others have not.
      const { mkdir, rename } = await import('node:fs/promises');
      await mkdir(join(stateDir, 'restoring'));
      const aside = second.aside ?? '';
      if (step === 'leaving') {
        for (const part of ['coordinator.db', 'keys', 'tls', 'repository', 'initialized']) {
          await rename(join(stateDir, part), join(stateDir, 'restoring', part));
          if (part !== 'coordinator.db') await rename(join(aside, part), join(stateDir, part));
        }
      } else await rename(join(stateDir, 'keys'), join(stateDir, 'restoring', 'keys'));
      await writeFile(join(stateDir, 'restoring.json'), JSON.stringify({ aside, step }));
      await finishRestore(paths);
      await opened(paths.databasePath, async (store) => {
        const { generation } = await store.read('storeLife', null);
        expect(generation).toBe(second.generation);
        expect(generation).toBeGreaterThan(first.generation);
      });
      expect(await readdir(paths.keysDir)).toContain('timestamp.key');
      expect(await readdir(aside)).toContain('keys');
      expect(await readdir(stateDir)).not.toContain('restoring');
      await finishRestore(paths);
    },
  );
});
