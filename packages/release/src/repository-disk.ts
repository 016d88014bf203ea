import { constants } from 'node:fs';
import { link, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { linkDurably, syncDirectory } from '@moult/runtime/files';
import { withFile } from './blob-store.ts';

/** What publishing does to the disk, one operation a method: tests let each of them fail in turn. */
export interface RepositoryDisk {
  makeDir(dir: string): Promise<void>;
  /** A second name for a file that never changes. */
  link(from: string, to: string): Promise<void>;
  /** A new file, fsynced. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** fsyncs a directory and those below it, deepest first. */
  syncTree(dir: string): Promise<void>;
  /** Points a link at `target` in one durable step. */
  swap(linkPath: string, target: string): Promise<void>;
  remove(dir: string): Promise<void>;
}

export const systemRepositoryDisk: RepositoryDisk = {
  makeDir: async (dir) => {
    await mkdir(dir, { recursive: true, mode: 0o755 });
  },
  link: (from, to) => link(from, to),
  write: (path, bytes) =>
    withFile(
      open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644),
      async (file) => {
        await file.writeFile(bytes);
        await file.sync();
      },
    ),
  syncTree,
  swap: (linkPath, target) => linkDurably(linkPath, target),
  remove: (dir) => rm(dir, { recursive: true, force: true }),
};

export async function syncTree(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) await syncTree(join(dir, entry.name));
  }
  await syncDirectory(dir);
}
