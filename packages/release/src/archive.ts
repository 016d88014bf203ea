/*
 * A directory as one `.tar.gz` and back, for files of our own making (backups). What comes out is regular files and
 * directories below the given one, or an error: nothing is believed because it is in an archive. Whoever reads
 * checks the files against the list that is among them.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CodedError } from '@moult/core/errors';
import { syncDirectory } from '@moult/runtime/files';
import { create, extract } from 'tar';
import { digestOf, type FileDigest } from './digest.ts';
import { ownName, removeAbandoned, removeTree } from './own-name.ts';

/** Deeper than anything that a coordinator keeps. */
const DEPTH_MAX = 16;

/** Whole, fsynced and readable by its owner alone, or not there: the name is given last. */
export async function writeArchive(options: {
  readonly treeDir: string;
  /** Of the tree, in this order; directories with what is in them. */
  readonly names: readonly string[];
  readonly path: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { treeDir, names, path, signal } = options;
  const temporaryPath = `${path}.${process.pid}.tmp`;
  try {
    const archive = create({ cwd: treeDir, portable: true, strict: true, gzip: { level: 6 } }, [
      ...names,
    ]);
    const file = createWriteStream(temporaryPath, { flush: true, mode: 0o600 });
    await pipeline(archive, file, { signal });
    await rename(temporaryPath, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporaryPath, { force: true }).catch(() => undefined);
    signal.throwIfAborted();
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('file-unwritable', `cannot write ${path}: ${text}`, { cause });
  }
}

/** Throws `backup-invalid` for what is no archive, is cut short, or holds anything but files and directories. */
export async function readArchive(options: {
  readonly path: string;
  /** Empty. */
  readonly intoDir: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { path, intoDir, signal } = options;
  try {
    let stranger: string | null = null;
    await pipeline(
      createReadStream(path),
      extract({
        cwd: intoDir,
        strict: true,
        preserveOwner: false,
        maxDepth: DEPTH_MAX,
        filter: (name, entry) => {
          const isPlain = 'type' in entry && (entry.type === 'File' || entry.type === 'Directory');
          if (!isPlain) stranger ??= name;
          return isPlain;
        },
      }),
      { signal },
    );
    if (stranger !== null) throw new Error(`${stranger} is neither a file nor a directory`);
  } catch (cause) {
    signal.throwIfAborted();
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('backup-invalid', `${path}: ${text}`, { cause });
  }
}

export async function fileDigest(path: string): Promise<FileDigest> {
  const file = await open(path, 'r');
  try {
    return await digestOf(file, Number.MAX_SAFE_INTEGER);
  } finally {
    await file.close();
  }
}

/** A directory for what is being made, gone when the work ends; what a killed process left goes with the next one. */
export async function withStaging<T>(
  dir: string,
  work: (staging: string) => Promise<T>,
): Promise<T> {
  await removeAbandoned(dir);
  const staging = join(dir, ownName('staging'));
  await mkdir(staging, { mode: 0o700 });
  try {
    return await work(staging);
  } finally {
    await removeTree(staging);
  }
}
