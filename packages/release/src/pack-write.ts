import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MANIFEST_PATH, type Manifest } from '@moult/core/manifest';
import { syncDirectory } from '@moult/runtime/files';
import { create } from 'tar';

export interface PackTree {
  /** Holds manifest.json and the files that it names. */
  readonly treeDir: string;
  readonly manifest: Manifest;
  readonly packPath: string;
  /** 0 (none), 1 (fast) to 9 (small); 6 unless given. */
  readonly compressionLevel?: number;
}

/** Writes a pack whose bytes depend on the tree alone: fixed order, times and owners (RL5). */
export async function writePack(tree: PackTree): Promise<void> {
  const temporaryPath = `${tree.packPath}.tmp`;
  const archive = create(
    {
      cwd: tree.treeDir,
      portable: true,
      noPax: true,
      noDirRecurse: true,
      strict: true,
      mtime: new Date(0),
      gzip: { level: tree.compressionLevel ?? 6 },
    },
    [MANIFEST_PATH, ...tree.manifest.files.map((file) => file.path)],
  );
  await pipeline(archive, createWriteStream(temporaryPath, { flush: true }));
  await rename(temporaryPath, tree.packPath);
  await syncDirectory(dirname(tree.packPath));
}
