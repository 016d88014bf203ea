/*
 * Makes a backup of a coordinator, also while it serves. The store first, then the release repository: a release that
 * went live in between is found published when the backup is restored; the other way round it would be lost.
 */
import { copyFile, cp, link, mkdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { withStaging, writeArchive } from '@moult/release/archive';
import { servedDirOf } from '@moult/release/repository';
import type { Clock } from '@moult/runtime/clock';
import { codeOf } from '@moult/runtime/files';
import { copySqliteStore, sqliteStorePlace } from '@moult/store';
import type { CoordinatorPaths } from '../config.ts';
import {
  BACKUP_LIST,
  type BackupList,
  BLOBS_NAME,
  CONFIG_NAME,
  DATABASE_NAME,
  describeFile,
  filesBelow,
} from './format.ts';
import { noteBackup } from './last-backup.ts';

export interface BackupOptions {
  readonly paths: CoordinatorPaths;
  /** A file, or a directory that is there: then the name says when it was made. */
  readonly to: string;
  /** The content of releases too: gigabytes, that packs can give again. */
  readonly withBlobs: boolean;
  readonly version: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface BackupMade {
  readonly path: string;
  readonly bytes: number;
  readonly files: number;
  readonly generation: number;
  readonly position: number;
  /** What somebody could miss in it. */
  readonly notInIt: readonly string[];
}

/** The live state of the repository goes only after two changes: a copy that was overtaken begins anew. */
const REPOSITORY_TRIES = 5;

export async function makeBackup(options: BackupOptions): Promise<BackupMade> {
  const { paths, clock, signal } = options;
  await requireCoordinator(paths);
  const madeMs = clock.nowMs();
  const path = await targetOf(options.to, madeMs);
  return withStaging(paths.stateDir, async (treeDir) => {
    copySqliteStore(paths.databasePath, join(treeDir, DATABASE_NAME));
    const hasConfig = await gather(options, treeDir);
    const repositoryState = await copyRepository(paths.repositoryDir, treeDir);
    if (options.withBlobs) await linkBlobs(paths.blobsDir, treeDir);
    const files = await filesBelow(treeDir);
    const place = await sqliteStorePlace(join(treeDir, DATABASE_NAME));
    const list: BackupList = {
      format: 1,
      madeMs,
      version: options.version,
      ...place,
      stateDir: paths.stateDir,
      repositoryState,
      hasBlobs: options.withBlobs,
      files: await Promise.all(files.map((file) => describeFile(treeDir, file))),
    };
    await writeFile(join(treeDir, BACKUP_LIST), `${JSON.stringify(list, null, 2)}\n`);
    const names = [BACKUP_LIST, DATABASE_NAME, 'state', ...(hasConfig ? ['config'] : [])];
    await writeArchive({ treeDir, names, path, signal });
    const { size } = await stat(path);
    await noteBackup(paths, { madeMs, path });
    return {
      path,
      bytes: size,
      files: files.length,
      ...place,
      notInIt: await notInIt(options),
    };
  });
}

async function requireCoordinator(paths: CoordinatorPaths): Promise<void> {
  if (await isThere(paths.databasePath)) return;
  throw new CodedError(
    'coordinator-not-initialized',
    `there is no coordinator in ${paths.stateDir}`,
  );
}

async function targetOf(to: string, madeMs: number): Promise<string> {
  const isDir = await stat(to).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const time = new Date(madeMs).toISOString().replace(/[-:]|\.\d+/g, '');
  return isDir ? join(to, `moult-coordinator-${time}.tar.gz`) : to;
}

/** Keys, certificates and configuration; whether there was one. */
async function gather(options: BackupOptions, treeDir: string): Promise<boolean> {
  const { paths } = options;
  const stateDir = join(treeDir, 'state');
  await mkdir(stateDir, { mode: 0o700 });
  for (const dir of [paths.keysDir, paths.tlsDir]) {
    if (await isThere(dir)) await cp(dir, join(stateDir, basename(dir)), { recursive: true });
  }
  if (await isThere(paths.initializedPath)) {
    await copyFile(paths.initializedPath, join(stateDir, basename(paths.initializedPath)));
  }
  if (!(await isThere(paths.configPath))) return false;
  await mkdir(join(treeDir, dirname(CONFIG_NAME)), { mode: 0o700 });
  await copyFile(paths.configPath, join(treeDir, CONFIG_NAME));
  return true;
}

/** Nothing changes a live state; it is linked, not copied. Gives its name. */
async function copyRepository(repositoryDir: string, treeDir: string): Promise<string> {
  for (let tries = 1; ; tries++) {
    const name = basename(await readlink(servedDirOf(repositoryDir)));
    const copy = join(treeDir, 'state', 'repository', 'states', name);
    try {
      await linkTree(join(repositoryDir, 'states', name), copy);
      return name;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || tries === REPOSITORY_TRIES) throw error;
    }
  }
}

/** Blobs never change: those that are there now. */
async function linkBlobs(blobsDir: string, treeDir: string): Promise<void> {
  await linkTree(join(blobsDir, 'sha256'), join(treeDir, BLOBS_NAME));
}

async function linkTree(from: string, to: string): Promise<void> {
  for (const file of await filesBelow(from)) {
    const path = join(to, file);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await link(join(from, file), path).catch(async (error: unknown) => {
      if (codeOf(error) === 'EEXIST') return;
      if (codeOf(error) === 'ENOENT') throw error;
      // A file system without links.
      await copyFile(join(from, file), path);
    });
  }
}

async function notInIt(options: BackupOptions): Promise<readonly string[]> {
  const { paths } = options;
  const config = await readFile(paths.configPath, 'utf8').catch(() => '');
  const foreign = [...config.matchAll(/^\s+(?:cert|key):\s*"?([^"\n]+)"?\s*$/gm)]
    .map((match) => match[1] ?? '')
    .filter((path) => !path.startsWith(paths.tlsDir));
  return [
    'root and release keys, which are kept offline',
    ...(options.withBlobs
      ? []
      : ['the content of releases (--with-blobs, or publish their packs again)']),
    ...foreign.map((path) => `${path}, which is not the coordinator’s own`),
  ];
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
