/*
 * Durable files. The order that survived power cuts: file → rename → parent directory, each fsynced
 * before the next. After a failed fsync the descriptor is never used again: the kernel may have dropped the pages.
 */
import { constants } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';

export interface WriteOptions {
  /** Permission bits of the new file; 0o600 unless given. */
  readonly mode?: number;
}

/** Replaces a file so that after a power cut it holds either the old bytes or the new ones. */
export async function writeFileDurably(
  path: string,
  bytes: string | Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  const temporaryPath = await temporaryPathFor(path);
  try {
    const file = await open(temporaryPath, 'w', options.mode ?? 0o600);
    await withHandle(file, async () => {
      await file.writeFile(bytes);
      await file.sync();
    });
    await rename(temporaryPath, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporaryPath, { force: true }).catch(() => undefined);
    throw new CodedError('file-unwritable', `cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** Beside `path`, for this process alone. What killed processes left there goes: nobody else would remove it. */
async function temporaryPathFor(path: string): Promise<string> {
  const dir = dirname(path);
  const prefix = `${basename(path)}.`;
  // A directory that cannot be read says so again, and better, when the file is made.
  for (const name of await readdir(dir).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const pid = /^(\d+)\.tmp$/.exec(name.slice(prefix.length))?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    await rm(join(dir, name), { force: true }).catch(() => undefined);
  }
  return `${path}.${process.pid}.tmp`;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is running, too.
    return codeOf(error) === 'EPERM';
  }
}

export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  await withHandle(handle, () => handle.sync());
}

/** Makes a directory and its parents, each durable in its own parent. */
export async function makeDirectoryDurably(dir: string, mode = 0o700): Promise<void> {
  const firstMade = await mkdir(dir, { recursive: true, mode });
  if (firstMade === undefined) return;
  for (let made = dir; made.length >= firstMade.length; made = dirname(made)) {
    await syncDirectory(dirname(made));
  }
}

/** Points a symbolic link at `target`, replacing what was there in one step. */
export async function linkDurably(path: string, target: string): Promise<void> {
  const temporaryPath = await temporaryPathFor(path);
  await rm(temporaryPath, { force: true });
  await symlink(target, temporaryPath);
  await rename(temporaryPath, path);
  await syncDirectory(dirname(path));
}

/** Removes a file or tree; gone durably when it resolves. Nothing there is no error. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await syncDirectory(dirname(path));
}

/** The file's text, or null if there is none. Throws `file-unreadable` for any other trouble. */
export async function readTextIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return null;
    throw new CodedError('file-unreadable', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** The system's name of what failed. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  // Node has no name for it: `Unknown system error -122`.
  if ('errno' in error && error.errno === -osConstants.errno.EDQUOT) return 'EDQUOT';
  return typeof error.code === 'string' ? error.code : null;
}

function messageOf(error: unknown): string {
  if (codeOf(error) === 'EDQUOT') return 'EDQUOT: disk quota exceeded';
  return error instanceof Error ? error.message : String(error);
}

async function withHandle<T>(handle: FileHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await handle.close();
  }
}
