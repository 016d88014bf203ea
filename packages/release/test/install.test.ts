import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { layoutOf, versionsDirOf } from '@moult/core/layout';
import { expect, test } from 'vitest';
import { diskError } from '../src/fetch.ts';
import { installPack } from '../src/install.ts';
import { writePack } from '../src/pack.ts';
import { verifySlot } from '../src/slot.ts';
import { smallRelease, temporaryDir } from './support/release-tree.ts';

async function packedRelease() {
  const dir = await temporaryDir();
  const release = await smallRelease({ dir, version: '1.0.0' });
  const packPath = join(dir, 'agent.tar.gz');
  await writePack({ treeDir: release.treeDir, manifest: release.manifest, packPath });
  const layout = layoutOf(join(dir, 'host'));
  const options = {
    packPath,
    layout,
    component: 'agent',
    platform: 'linux-x64',
    signal: new AbortController().signal,
  } as const;
  return { release, packPath, layout, options };
}

test('a pack becomes the first slot of a host, and again is no error (RL35)', async () => {
  const { release, layout, options } = await packedRelease();
  const slot = await installPack(options);
  expect(slot).toMatchObject({ version: '1.0.0', digest: release.digest });
  const dir = join(versionsDirOf(layout, 'agent'), slot.dir);
  expect(await verifySlot({ dir, digest: release.digest })).toMatchObject({ kind: 'sound' });
  expect(await installPack(options)).toEqual(slot);
});

test('a slot that was damaged is mended by installing again', async () => {
  const { release, layout, options } = await packedRelease();
  const slot = await installPack(options);
  const dir = join(versionsDirOf(layout, 'agent'), slot.dir);
  await writeFile(join(dir, 'lib/agent.cjs'), '');
  await installPack(options);
  expect(await verifySlot({ dir, digest: release.digest })).toMatchObject({ kind: 'sound' });
});

test('a pack for another component or platform is refused', async () => {
  const { options } = await packedRelease();
  for (const other of [{ component: 'launcher' }, { platform: 'linux-arm64' }] as const) {
    await expect(installPack({ ...options, ...other })).rejects.toMatchObject({
      code: 'release-no-platform',
    });
  }
});

test('T24: space that ran out has a name of its own, other trouble keeps its own', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
  expect(diskError(full, '/opt/moult')).toMatchObject({ code: 'disk-full', cause: full });
  const other = Object.assign(new Error('read'), { code: 'EIO' });
  expect(diskError(other, '/opt/moult')).toBe(other);
});
