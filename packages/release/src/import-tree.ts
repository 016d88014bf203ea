import { constants } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import type { Manifest } from '@moult/core/manifest';
import { type BlobStore, withFile } from './blob-store.ts';
import { digestOf } from './digest.ts';
import { removeTree } from './own-name.ts';

/** Puts a tree that was just built into a store without the way through a pack. Throws `pack-hash-mismatch`. */
export async function importTree(
  tree: {
    readonly treeDir: string;
    readonly manifest: Manifest;
    readonly manifestBytes: Uint8Array;
  },
  blobStore: BlobStore,
): Promise<void> {
  const stagingDir = await blobStore.stagingDir();
  try {
    for (const file of tree.manifest.files) {
      if (await blobStore.has(file.sha256)) continue;
      const path = join(stagingDir, file.sha256);
      await copyFile(join(tree.treeDir, file.path), path, constants.COPYFILE_FICLONE);
      await withFile(open(path, constants.O_RDWR | constants.O_NOFOLLOW), async (handle) => {
        await handle.chmod(0o644);
        await handle.sync();
        const { sha256 } = await digestOf(handle, file.length);
        if (sha256 !== file.sha256) {
          throw new CodedError('pack-hash-mismatch', `${file.path} is not what its manifest says`);
        }
      });
      await blobStore.adopt(path, file.sha256);
    }
    await blobStore.put(tree.manifestBytes);
  } finally {
    await removeTree(stagingDir);
  }
}
