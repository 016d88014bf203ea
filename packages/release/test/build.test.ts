import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LIFETIME_MS } from '@moult/core/trust';
import { describe, expect, test } from 'vitest';
import { openBlobStore } from '../src/blob-store.ts';
import { type BuildOptions, buildRelease } from '../src/build.ts';
import { sha256Of } from '../src/digest.ts';
import { importPack } from '../src/pack.ts';
import { temporaryDir } from './support/release-tree.ts';
import { newHost, startWorld } from './support/world.ts';

const CHECKOUT = join(import.meta.dirname, '../../..');
const ENTRY = join(import.meta.dirname, 'fixtures/entry.ts');

/** What a checkout has, at another path: the sources' place must not show in what is built. */
async function otherCheckout(): Promise<string> {
  const dir = join(await temporaryDir(), 'elsewhere');
  await mkdir(join(dir, 'packages/release/test/fixtures'), { recursive: true });
  await symlink(join(CHECKOUT, 'node_modules'), join(dir, 'node_modules'));
  await cp(join(CHECKOUT, 'LICENSE'), join(dir, 'LICENSE'));
  await cp(ENTRY, join(dir, 'packages/release/test/fixtures/entry.ts'));
  return dir;
}

async function buildOptions(repositoryDir: string): Promise<BuildOptions> {
  const outDir = await temporaryDir();
  return {
    component: 'launcher',
    version: '1.2.3',
    platform: 'linux-x64',
    repositoryDir,
    entryPath: join(repositoryDir, 'packages/release/test/fixtures/entry.ts'),
    outDir,
    cacheDir: join(outDir, 'cache'),
    compressionLevel: 1,
  };
}

describe('building a release', () => {
  test('two builds, in two directories, give one digest and one pack (RL5)', async () => {
    const here = await buildRelease(await buildOptions(CHECKOUT));
    const there = await buildRelease(await buildOptions(await otherCheckout()));
    expect(there.digest).toBe(here.digest);
    expect(sha256Of(await readFile(there.packPath ?? ''))).toBe(
      sha256Of(await readFile(here.packPath ?? '')),
    );
  });

  test('a built pack can be imported, and its program runs its script', async () => {
    const built = await buildRelease(await buildOptions(CHECKOUT));
    const blobStore = await openBlobStore(join(await temporaryDir(), 'blobs'));
    const imported = await importPack(built.packPath ?? '', blobStore);
    expect(imported.digest).toBe(built.digest);
    for (const file of imported.manifest.files)
      expect(await blobStore.verify(file.sha256)).toBe(true);
    const { program, script } = built.manifest;
    const run = await promisify(execFile)(join(built.treeDir, program), [
      join(built.treeDir, script),
    ]);
    expect(JSON.parse(run.stdout)).toEqual({
      version: '1.2.3',
      isOwnFile: true,
      name: 'describeSelf',
    });
  });

  test('the trust worker is bundled beside the agent, and says nothing about where it was built', async () => {
    const options = { ...(await buildOptions(CHECKOUT)), component: 'agent' as const, pack: false };
    const built = await buildRelease(options);
    expect(built.manifest.files.map((file) => file.path)).toEqual([
      'LICENSE',
      'LICENSE.node',
      'NOTICES',
      'bin/node',
      'lib/agent.cjs',
      'lib/trust-worker.cjs',
    ]);
    const worker = await readFile(join(built.treeDir, 'lib/trust-worker.cjs'), 'utf8');
    expect(worker).not.toContain(CHECKOUT);
    expect(await readFile(join(built.treeDir, 'NOTICES'), 'utf8')).toContain('tuf-js 6.0.2');
  });

  test('the bundled trust worker does what the one in development does', async () => {
    const options = { ...(await buildOptions(CHECKOUT)), component: 'agent' as const, pack: false };
    const { treeDir } = await buildRelease(options);
    const world = await startWorld();
    const release = await world.release({ version: '1.0.0' });
    const host = await newHost(world, { workerPath: join(treeDir, 'lib/trust-worker.cjs') });
    const wanted = { component: 'agent', version: '1.0.0', platform: 'linux-x64' } as const;
    expect((await host.trust.manifest(wanted)).digest).toBe(release.digest);
    world.clock.advance(LIFETIME_MS.timestamp);
    await expect(host.trust.refresh()).rejects.toMatchObject({ code: 'trust-expired' });
  });

  test('an entry that cannot be bundled names the place', async () => {
    const options = await buildOptions(CHECKOUT);
    const entryPath = join(options.outDir, 'broken.ts');
    await writeFile(entryPath, "import './nothing-there.ts';\n");
    await expect(buildRelease({ ...options, entryPath })).rejects.toMatchObject({
      code: 'build-failed',
      message: expect.stringContaining('nothing-there'),
    });
  });
});
