/* Blobs that this host has already, in other slots. A manifest beside a file is a hint; the file's own bytes decide. */
import { constants } from 'node:fs';
import { copyFile, link, lstat, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { COMPONENTS } from '@moult/core/component';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import type { ManifestFile } from '@moult/core/manifest';
import { codeOf } from '@moult/runtime/files';
import { withFile } from './blob-store.ts';
import { checkFile, readSlotManifest } from './verify-slot.ts';

/** Paths that should hold a blob, by sha256. */
export type LocalBlobs = ReadonlyMap<string, readonly string[]>;

/** Every directory that may be a slot on this host. */
export async function localSlotDirs(layout: Layout): Promise<readonly string[]> {
  const dirs: string[] = [];
  for (const component of COMPONENTS) {
    const versionsDir = versionsDirOf(layout, component);
    for (const name of await namesIn(versionsDir)) dirs.push(join(versionsDir, name));
  }
  return dirs;
}

/** Slots without a readable manifest are passed over. */
export async function indexLocalBlobs(slotDirs: readonly string[]): Promise<LocalBlobs> {
  const index = new Map<string, string[]>();
  for (const dir of slotDirs) {
    const manifest = await readSlotManifest(dir);
    for (const file of manifest?.files ?? []) {
      const paths = index.get(file.sha256) ?? [];
      paths.push(join(dir, file.path));
      index.set(file.sha256, paths);
    }
  }
  return index;
}

/**
 * Puts a local file at `path` as a link, or as a copy where links are not wanted or do not work. Null, and
 * nothing at `path`, when its bytes or its mode are not what they should be.
 */
export async function placeFromSlot(options: {
  readonly candidate: string;
  readonly path: string;
  readonly file: ManifestFile;
  /** False: a real copy, so that no two components share an inode. */
  readonly isShared: boolean;
  readonly signal: AbortSignal;
}): Promise<'linked' | 'copied' | null> {
  const { candidate, path, file, signal } = options;
  let how: 'linked' | 'copied' | null = null;
  try {
    how = options.isShared && (await tryLink(candidate, path, file)) ? 'linked' : null;
    if (how === null) how = (await tryCopy(candidate, path, file)) ? 'copied' : null;
    if (how === null) return null;
    // What stands at our own path is what is checked, not what the candidate was a moment ago.
    const checked = await checkFile(path, file, signal);
    if (typeof checked !== 'string') return how;
    await rm(path, { force: true });
    return null;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function tryLink(candidate: string, path: string, file: ManifestFile): Promise<boolean> {
  const found = await lstat(candidate).catch(() => null);
  if (!found?.isFile() || found.size !== file.length) return false;
  // The mode belongs to the inode: a wrong one is not mended in the other slot's file.
  if ((found.mode & 0o7777) !== modeOf(file)) return false;
  try {
    await link(candidate, path);
    return true;
  } catch {
    // Other file system, too many links, protected: a copy does as well.
    return false;
  }
}

async function tryCopy(candidate: string, path: string, file: ManifestFile): Promise<boolean> {
  const found = await lstat(candidate).catch(() => null);
  if (!found?.isFile() || found.size !== file.length) return false;
  try {
    await copyFile(candidate, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (error) {
    await rm(path, { force: true });
    const code = codeOf(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') throw error;
    return false;
  }
  await withFile(open(path, constants.O_RDWR | constants.O_NOFOLLOW), async (copy) => {
    await copy.chmod(modeOf(file));
    await copy.sync();
  });
  return true;
}

function modeOf(file: ManifestFile): number {
  return file.executable ? 0o755 : 0o644;
}

async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
