/*
 * A backup: one `.tar.gz` that begins with `backup.json`, the list of all other files with their hashes.
 *
 *   backup.json  coordinator.db  config/coordinator.yaml  state/{initialized,keys/…,tls/…}
 *   state/repository/states/<live one>/…  state/blobs/sha256/<aa>/<hex> (only with blobs)
 *
 * Frozen: a newer coordinator reads what an older one wrote.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { isSha256 } from '@moult/core/manifest';
import { fileDigest } from '@moult/release/archive';

export const BACKUP_LIST = 'backup.json';
export const DATABASE_NAME = 'coordinator.db';
export const CONFIG_NAME = 'config/coordinator.yaml';
export const BLOBS_NAME = 'state/blobs/sha256';

export interface BackupFile {
  readonly path: string;
  readonly length: number;
  readonly sha256: string;
}

export interface BackupList {
  readonly format: 1;
  readonly madeMs: number;
  /** The program that made it. */
  readonly version: string;
  /** Where the store was. */
  readonly generation: number;
  readonly position: number;
  /** Where the state was: a configuration that names paths below it is changed when it is restored elsewhere. */
  readonly stateDir: string;
  /** Name of the live state of the release repository. */
  readonly repositoryState: string;
  readonly hasBlobs: boolean;
  readonly files: readonly BackupFile[];
}

/** Files below a directory, by their path in it. */
export async function filesBelow(dir: string, prefix = ''): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(dir, prefix), { withFileTypes: true })) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await filesBelow(dir, path)));
    else found.push(path);
  }
  return found.sort();
}

export async function describeFile(treeDir: string, path: string): Promise<BackupFile> {
  return { path, ...(await fileDigest(join(treeDir, path))) };
}

/** Reads the list of an unpacked backup and holds every file against it. Throws `backup-invalid`. */
export async function readVerified(treeDir: string, name: string): Promise<BackupList> {
  const list = parseList(await listText(treeDir, name), name);
  const there = new Set(await filesBelow(treeDir));
  there.delete(BACKUP_LIST);
  for (const file of list.files) {
    if (!there.delete(file.path)) throw invalid(name, `${file.path} is missing`);
    const { length, sha256 } = await describeFile(treeDir, file.path);
    if (length !== file.length || sha256 !== file.sha256) {
      throw invalid(name, `${file.path} is not what its list says`);
    }
  }
  const [extra] = there;
  if (extra !== undefined) throw invalid(name, `${extra} is not in its list`);
  return list;
}

async function listText(treeDir: string, name: string): Promise<string> {
  try {
    await stat(join(treeDir, BACKUP_LIST));
    return await readFile(join(treeDir, BACKUP_LIST), 'utf8');
  } catch (cause) {
    throw new CodedError('backup-invalid', `${name} is no backup of a coordinator`, { cause });
  }
}

function parseList(text: string, name: string): BackupList {
  let list: Partial<BackupList>;
  try {
    list = JSON.parse(text) as Partial<BackupList>;
  } catch (cause) {
    throw new CodedError('backup-invalid', `${name}: its list cannot be read`, { cause });
  }
  if (list.format !== 1) throw invalid(name, `format ${String(list.format)} is not known here`);
  const isSane =
    typeof list.stateDir === 'string' &&
    typeof list.madeMs === 'number' &&
    typeof list.repositoryState === 'string' &&
    /^[\w.-]+$/.test(list.repositoryState) &&
    Array.isArray(list.files) &&
    list.files.every((file) => typeof file.path === 'string' && isSha256(file.sha256));
  if (!isSane) throw invalid(name, 'its list is incomplete');
  return list as BackupList;
}

function invalid(name: string, why: string): CodedError {
  return new CodedError('backup-invalid', `${name}: ${why}`);
}
