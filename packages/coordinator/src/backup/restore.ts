/*
 * Restores a backup: unpacked beside the state, every file held against the list, the store opened, brought to this
 * program's schema and begun a new life of; only then is anything of the old state touched (RS1, swap.ts).
 */
import { chown, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { readArchive } from '@moult/release/archive';
import { openBlobStore } from '@moult/release/blob-store';
import type { Clock } from '@moult/runtime/clock';
import {
  codeOf,
  linkDurably,
  makeDirectoryDurably,
  readTextIfPresent,
  syncDirectory,
  writeFileDurably,
} from '@moult/runtime/files';
import type { Random } from '@moult/runtime/random';
import { holdSqliteStore, openInlineSqliteStore, sqliteStorePlace } from '@moult/store';
import type { CoordinatorPaths } from '../config.ts';
import {
  type BackupList,
  BLOBS_NAME,
  CONFIG_NAME,
  DATABASE_NAME,
  filesBelow,
  readVerified,
} from './format.ts';
import { finishRestore, restoringDirOf, takeRestored } from './swap.ts';

export interface RestoreOptions {
  readonly path: string;
  readonly paths: CoordinatorPaths;
  /** Also over a state that is in use; it is kept aside. */
  readonly isForced: boolean;
  readonly principal: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

export interface Restored {
  readonly list: BackupList;
  readonly generation: number;
  /** Where the state before lies; null: there was none. */
  readonly aside: string | null;
  /** False: there was a configuration, and it was left as it is. */
  readonly hasTakenConfig: boolean;
}

/** Throws `backup-invalid`, `state-in-use`, `database-locked`, `database-too-new`. */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { paths } = options;
  await requireReadable(options.path);
  await makeDirectoryDurably(paths.stateDir);
  await finishRestore(paths);
  // While a coordinator runs on this state its store is held.
  const held = holdSqliteStore(paths.databasePath);
  try {
    return await restoreHeld(options);
  } finally {
    held.release();
  }
}

async function restoreHeld(options: RestoreOptions): Promise<Restored> {
  const { paths } = options;
  const isInUse = await isThere(paths.databasePath);
  if (isInUse && !options.isForced) {
    throw new CodedError('state-in-use', `there is a coordinator in ${paths.stateDir}`);
  }
  const made = await makeNewState(options, isInUse);
  const aside = await takeRestored(paths, options.clock.nowMs());
  return { ...made, aside: isInUse ? aside : null };
}

/** All that can fail comes here: the old state is not touched. */
async function makeNewState(
  options: RestoreOptions,
  isInUse: boolean,
): Promise<Omit<Restored, 'aside'>> {
  const { paths, signal } = options;
  const newDir = restoringDirOf(paths);
  await rm(newDir, { recursive: true, force: true });
  const treeDir = join(newDir, 'tree');
  await mkdir(treeDir, { recursive: true, mode: 0o700 });
  try {
    await readArchive({ path: options.path, intoDir: treeDir, signal });
    const list = await readVerified(treeDir, basename(options.path));
    await arrange({ newDir, treeDir, list });
    const generation = await beginLife(options, { newDir, list, isInUse });
    await takeBlobs(treeDir, paths.blobsDir);
    const hasTakenConfig = await takeConfig(options, { treeDir, list });
    await rm(treeDir, { recursive: true, force: true });
    await settleTree(newDir, await ownerOf(paths.stateDir));
    return { list, generation, hasTakenConfig };
  } catch (error) {
    await rm(newDir, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

/** As the state lies on the disk, with the link to the live state of the release repository. */
async function arrange(of: {
  readonly newDir: string;
  readonly treeDir: string;
  readonly list: BackupList;
}): Promise<void> {
  const { newDir, treeDir, list } = of;
  await rename(join(treeDir, DATABASE_NAME), join(newDir, DATABASE_NAME));
  for (const part of await readdir(join(treeDir, 'state'))) {
    if (part !== 'blobs') await rename(join(treeDir, 'state', part), join(newDir, part));
  }
  const target = join('states', list.repositoryState);
  await linkDurably(join(newDir, 'repository', 'current'), target);
}

/** RS1: the store itself checks that it is sound, ours, and not too new. */
async function beginLife(
  options: RestoreOptions,
  of: { readonly newDir: string; readonly list: BackupList; readonly isInUse: boolean },
): Promise<number> {
  const { paths, clock, principal, random } = options;
  const path = join(of.newDir, DATABASE_NAME);
  const store = await openInlineSqliteStore({ path, random });
  try {
    const made = new Date(of.list.madeMs).toISOString();
    const { generation } = await store.write('beginLife', {
      origin: 'restored',
      aboveGeneration: of.isInUse ? await generationAt(paths.databasePath) : 0,
      nowMs: clock.nowMs(),
      principal,
      why: `from the backup of ${made} (position ${of.list.position})`,
    });
    return generation;
  } finally {
    await store.close();
    await rm(`${path}.lock`, { force: true });
  }
}

/** A state that cannot be read any more is what backups are for. */
async function generationAt(path: string): Promise<number> {
  try {
    return (await sqliteStorePlace(path)).generation;
  } catch {
    return 0;
  }
}

/** They bear their hashes, so that they may come before everything else. */
async function takeBlobs(treeDir: string, blobsDir: string): Promise<void> {
  const dir = join(treeDir, BLOBS_NAME);
  if (!(await isThere(dir))) return;
  const store = await openBlobStore(blobsDir);
  for (const file of await filesBelow(dir)) {
    const sha256 = basename(file);
    if (await store.has(sha256)) continue;
    await syncFile(join(dir, file));
    await store.adopt(join(dir, file), sha256);
  }
}

/** One that is there is its operator's: this machine may listen elsewhere. False: it was left. */
async function takeConfig(
  options: RestoreOptions,
  of: { readonly treeDir: string; readonly list: BackupList },
): Promise<boolean> {
  const { configPath, stateDir } = options.paths;
  const text = await readTextIfPresent(join(of.treeDir, CONFIG_NAME));
  if (text === null || (await isThere(configPath))) return false;
  await makeDirectoryDurably(dirname(configPath), 0o755);
  // Its paths below the state of then are those of the state of now.
  const moved = text.replaceAll(of.list.stateDir, stateDir);
  await writeFileDurably(configPath, moved, { mode: 0o644 });
  return true;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Null: what is made here belongs to the right one already. */
async function ownerOf(dir: string): Promise<Owner | null> {
  if (process.getuid?.() !== 0) return null;
  const { uid, gid } = await stat(dir);
  return { uid, gid };
}

/** Durable, deepest first, and its user's. */
async function settleTree(dir: string, owner: Owner | null): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await settleTree(path, owner);
    else if (entry.isFile()) {
      await syncFile(path);
      if (owner !== null) await chown(path, owner.uid, owner.gid);
    }
  }
  if (owner !== null) await chown(dir, owner.uid, owner.gid);
  await syncDirectory(dir);
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function requireReadable(path: string): Promise<void> {
  try {
    await (await open(path, 'r')).close();
  } catch (cause) {
    throw new CodedError('file-unreadable', `cannot read ${path}`, { cause });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}
