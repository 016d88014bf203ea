/*
 * Blobs: the content of files, each at `<dir>/sha256/<aa>/<hex>` under its own hash. A blob is there whole or
 * not at all (RL10): written apart, fsynced, renamed, the directory fsynced. Puts of one blob may run side by
 * side, also in several processes: whoever renames last replaces equal bytes by equal bytes.
 */
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { isSha256, MANIFEST_LIMITS } from '@moult/core/manifest';
import { codeOf, makeDirectoryDurably, syncDirectory } from '@moult/runtime/files';
import { digestOf, sha256Of } from './digest.ts';
import { ownName, removeAbandoned, removeTree } from './own-name.ts';

export interface BlobStore {
  readonly dir: string;
  /** Where a blob is or would be. Throws `blob-missing` for what is no sha256, so that a name from outside is no path. */
  pathOf(sha256: string): string;
  has(sha256: string): Promise<boolean>;
  /** An open file of a blob; `blob-missing` if there is none. Close it. */
  open(sha256: string): Promise<FileHandle>;
  /** Keeps bytes durably and gives their hash. */
  put(bytes: Uint8Array): Promise<string>;
  /** Moves a file that is fsynced and hashed already into the store, from a directory that `stagingDir` gave. */
  adopt(filePath: string, sha256: string): Promise<void>;
  /** The bytes of a small blob after checking them; `blob-corrupt` when they are not what its name says. */
  read(sha256: string, bytesMax: number): Promise<Buffer>;
  /** True when the blob is there and its bytes have its hash. */
  verify(sha256: string, signal?: AbortSignal): Promise<boolean>;
  /** A new directory on the store's file system for what is not checked yet. Remove it. */
  stagingDir(): Promise<string>;
}

/** Opens the store in `dir`, making it if need be. */
export async function openBlobStore(dir: string): Promise<BlobStore> {
  const contentDir = join(dir, 'sha256');
  const stagingRoot = join(dir, 'staging');
  await makeDirectoryDurably(contentDir, 0o755);
  await makeDirectoryDurably(stagingRoot, 0o700);
  await removeAbandoned(stagingRoot);

  const pathOf = (sha256: string): string => {
    if (!isSha256(sha256)) throw new CodedError('blob-missing', 'there is no blob of that name');
    return join(contentDir, sha256.slice(0, 2), sha256);
  };
  const stagingDir = async (): Promise<string> => {
    const made = join(stagingRoot, ownName('new'));
    await mkdir(made, { mode: 0o700 });
    return made;
  };
  const adopt = async (filePath: string, sha256: string): Promise<void> => {
    const path = pathOf(sha256);
    await makeDirectoryDurably(dirname(path), 0o755);
    await rename(filePath, path);
    await syncDirectory(dirname(path));
  };
  const openBlob = async (sha256: string): Promise<FileHandle> => {
    try {
      return await open(pathOf(sha256), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (cause) {
      if (codeOf(cause) !== 'ENOENT') throw cause;
      throw new CodedError('blob-missing', `there is no blob ${sha256}`, { cause });
    }
  };

  return {
    dir,
    pathOf,
    stagingDir,
    adopt,
    open: openBlob,
    has: (sha256) => isFile(pathOf(sha256)),
    put: async (bytes) => {
      const sha256 = sha256Of(bytes);
      if (await isFile(pathOf(sha256))) return sha256;
      const apart = await stagingDir();
      try {
        const path = join(apart, sha256);
        await writeSynced(path, bytes);
        await adopt(path, sha256);
      } finally {
        await removeTree(apart);
      }
      return sha256;
    },
    read: (sha256, bytesMax) =>
      withFile(openBlob(sha256), (file) => readChecked(file, sha256, bytesMax)),
    verify: async (sha256, signal) => {
      if (!(await isFile(pathOf(sha256)))) return false;
      return withFile(openBlob(sha256), async (file) => {
        const found = await digestOf(file, MANIFEST_LIMITS.fileBytesMax, signal);
        return found.sha256 === sha256;
      });
    },
  };
}

/** Runs `work` with an open file and closes it, however it ends. */
export async function withFile<T>(
  opening: Promise<FileHandle>,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await opening;
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

async function readChecked(file: FileHandle, sha256: string, bytesMax: number): Promise<Buffer> {
  const { size } = await file.stat();
  if (size > bytesMax)
    throw new CodedError('blob-corrupt', `blob ${sha256} is larger than expected`);
  const bytes = await file.readFile();
  if (sha256Of(bytes) !== sha256) {
    throw new CodedError('blob-corrupt', `the bytes of blob ${sha256} are not its own`);
  }
  return bytes;
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await withFile(open(path, 'wx', 0o644), async (file) => {
      await file.writeFile(bytes);
      await file.sync();
    });
  } catch (cause) {
    throw new CodedError('file-unwritable', `cannot write the blob ${path}`, { cause });
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return false;
    throw cause;
  }
}
