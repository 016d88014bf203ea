import { chmod, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectoryDurably, syncDirectory, writeFileDurably } from '@moult/runtime/files';

/** What a rotation does to the disk, one operation a method: tests let each of them fail in turn. */
export interface KeysDisk {
  makeDir(dir: string): Promise<void>;
  /** The old bytes or the new ones, never a mix. */
  write(path: string, bytes: string | Uint8Array, mode: number): Promise<void>;
  /** Within one file system. */
  move(from: string, to: string): Promise<void>;
}

export const systemKeysDisk: KeysDisk = {
  makeDir: (dir) => makeDirectoryDurably(dir),
  write: async (path, bytes, mode) => {
    await writeFileDurably(path, bytes, { mode });
    // Whatever the umask took away.
    await chmod(path, mode);
  },
  move: async (from, to) => {
    await rename(from, to);
    await syncDirectory(dirname(to));
    await syncDirectory(dirname(from));
  },
};
