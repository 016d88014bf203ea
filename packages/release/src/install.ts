/* The first installation on a host, from a pack that an operator carries there. Never part of an upgrade. */
import { chmod, copyFile, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Slot, slotDirOf } from '@moult/core/boot';
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import { MANIFEST_PATH } from '@moult/core/manifest';
import type { Platform } from '@moult/core/platform';
import { systemClock } from '@moult/runtime/clock';
import { makeDirectoryDurably } from '@moult/runtime/files';
import { withFile } from './blob-store.ts';
import { diskError } from './fetch.ts';
import { ownName, removeTree } from './own-name.ts';
import { readPack } from './pack.ts';
import { commitTree, isSoundSlot, writeManifestFile } from './slot-commit.ts';

/**
 * Checks a pack and makes it a slot; one that is there and sound is left alone. The operator vouches for the pack:
 * compare the digest with the release's where that matters. Throws the `pack-…` codes, `release-no-platform` for a pack
 * of another component or platform, `disk-full`.
 */
export async function installPack(options: {
  readonly packPath: string;
  readonly layout: Layout;
  readonly component: Component;
  readonly platform: Platform;
  readonly signal: AbortSignal;
}): Promise<Slot> {
  const { layout, signal } = options;
  const contentDir = join(layout.stagingDir, ownName('pack'));
  const treeDir = join(layout.stagingDir, ownName('tree'));
  try {
    await makeDirectoryDurably(layout.stagingDir, 0o700);
    await mkdir(contentDir, { mode: 0o700 });
    const { manifest, digest, manifestBytes, files } = await readPack({
      packPath: options.packPath,
      stagingDir: contentDir,
      signal,
    });
    if (manifest.component !== options.component || manifest.platform !== options.platform) {
      throw new CodedError(
        'release-no-platform',
        `${options.packPath} holds the ${manifest.component} for ${manifest.platform}`,
      );
    }
    const slot = { version: manifest.version, digest, dir: slotDirOf(manifest.version, digest) };
    const slotDir = join(versionsDirOf(layout, manifest.component), slot.dir);
    const place = { ...layout, slotDir, manifest, digest, clock: systemClock, signal };
    if (await isSoundSlot(place)) return slot;
    const pathOf = new Map(files.map((file) => [file.sha256, file.path]));
    await mkdir(treeDir, { mode: 0o755 });
    for (const file of manifest.files) {
      const source = pathOf.get(file.sha256);
      if (source === undefined)
        throw new CodedError('pack-missing-file', `${file.path} is not in the pack`);
      const path = join(treeDir, file.path);
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      await copyFile(source, path);
      await chmod(path, file.executable ? 0o755 : 0o644);
      await withFile(open(path, 'r'), (placed) => placed.sync());
    }
    await writeManifestFile(join(treeDir, MANIFEST_PATH), manifestBytes);
    await commitTree(treeDir, place);
    return slot;
  } catch (error) {
    throw diskError(error, layout.stagingDir);
  } finally {
    await removeTree(contentDir);
    await removeTree(treeDir);
  }
}
