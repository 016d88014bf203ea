/*
 * H16: what somebody changed in a slot, kept aside before the slot is replaced or removed.
 *
 *   <state>/kept/1.0.0-1a2b3c4d-20261127T031500Z/changes.json     what was changed, with hashes, sizes and times
 *                                                files/lib/…      what was changed or added, as it lay there
 *
 * Complete under its name or not there. Nothing takes from it and nothing removes it but the owner of the host.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, readlink, rename, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  type ChangedFile,
  changesText,
  KEPT_LIMITS,
  type Keeping,
  keepingName,
} from '@moult/core/changed-files';
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { Version } from '@moult/core/versions';
import {
  codeOf,
  makeDirectoryDurably,
  readTextIfPresent,
  syncDirectory,
  writeFileDurably,
} from '@moult/runtime/files';
import { withFile } from './blob-store.ts';
import { sha256Of } from './digest.ts';
import { diskError } from './fetch.ts';
import { ownName, removeAbandoned, removeTree } from './own-name.ts';
import { syncTree } from './repository-disk.ts';
import { type LookOptions, slotChanges } from './slot-changes.ts';
import { readManifestFile } from './verify-slot.ts';

const INDEX = 'changes.json';
const FILES = 'files';
/** Of a slot's name, where its digest begins. */
const DIGEST_LENGTH = 8;
/** Names in one second, and of one slot. */
const NAMES_MAX = 10;

export interface KeepOptions extends LookOptions {
  readonly component: Component;
  readonly version: Version;
  readonly keptDir: string;
  /** Wall clock. */
  readonly nowMs: number;
}

/**
 * Null: nothing was changed. The same changes of a slot are kept once, so that whoever was killed behind it may do it again. Throws
 * `kept-full`, and then nothing of the slot may go; `disk-full`.
 */
export async function keepChanged(options: KeepOptions): Promise<Keeping | null> {
  const { dir, keptDir } = options;
  const changes = await slotChanges(options);
  if (changes.count === 0) return null;
  const before = await keepingsIn(keptDir);
  const slotName = basename(dir);
  const same = before.find(
    (one) =>
      basename(one.dir).startsWith(`${slotName}-`) &&
      JSON.stringify(one.changes) === JSON.stringify(changes),
  );
  if (same !== undefined) return same;
  const bytes = [changes, ...before.map((one) => one.changes)]
    .flatMap(({ files }) => files)
    .reduce((sum, file) => sum + file.bytes, 0);
  const isTooMuch =
    changes.count > changes.files.length ||
    before.length >= KEPT_LIMITS.keepings ||
    bytes > KEPT_LIMITS.bytes;
  if (isTooMuch) {
    throw new CodedError(
      'kept-full',
      `${dir} was changed by hand: ${changesText(changes)}; with it ${keptDir} would hold ${before.length + 1} times changed files of ${mebibytes(bytes)} MiB (at most ${KEPT_LIMITS.keepings}, and ${mebibytes(KEPT_LIMITS.bytes)} MiB)`,
    );
  }
  const { component, version, nowMs } = options;
  try {
    await makeDirectoryDurably(keptDir, 0o700);
    await removeAbandoned(keptDir);
    const makingDir = join(keptDir, ownName('making'));
    try {
      await mkdir(join(makingDir, FILES), { recursive: true, mode: 0o700 });
      for (const file of changes.files) await keepFile(dir, join(makingDir, FILES), file);
      const index = { component, version, digest: options.digest, keptMs: nowMs, changes };
      await writeFileDurably(join(makingDir, INDEX), `${JSON.stringify(index, null, 2)}\n`);
      await syncTree(makingDir);
      const name = await named(makingDir, { keptDir, slotName, nowMs });
      return { dir: join(keptDir, name), component, version, keptMs: nowMs, changes };
    } finally {
      await removeTree(makingDir);
    }
  } catch (error) {
    throw diskError(error, keptDir);
  }
}

/** The same of a slot of which nothing but its name, `<version>-<first eight of the digest>`, is known. */
export async function keepOfSlot(
  options: Pick<KeepOptions, 'dir' | 'component' | 'keptDir' | 'nowMs'>,
): Promise<Keeping | null> {
  const name = basename(options.dir);
  const text = await readManifestFile(options.dir);
  const digest = typeof text === 'string' ? '' : sha256Of(text);
  const isRight = digest.startsWith(name.slice(-DIGEST_LENGTH));
  const version = name.slice(0, -DIGEST_LENGTH - 1);
  return keepChanged({ ...options, version, digest: isRight ? digest : '' });
}

/** Oldest first; what cannot be read is left out. */
export async function keepingsIn(keptDir: string): Promise<readonly Keeping[]> {
  const names = await readdir(keptDir).catch((error) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  const found: Keeping[] = [];
  for (const name of names.sort()) {
    const index = readIndex(await readTextIfPresent(join(keptDir, name, INDEX)).catch(() => null));
    if (index !== null) found.push({ ...index, dir: join(keptDir, name) });
  }
  return found.sort((a, b) => a.keptMs - b.keptMs);
}

function readIndex(text: string | null): Omit<Keeping, 'dir'> | null {
  if (text === null) return null;
  try {
    const { component, version, keptMs, changes } = JSON.parse(text) as Omit<Keeping, 'dir'>;
    return { component, version, keptMs, changes };
  } catch {
    // Somebody has looked into it.
    return null;
  }
}

/** Never to be executed from here. What is neither a file nor a link is only named: there is nothing in it to keep. */
async function keepFile(slotDir: string, intoDir: string, file: ChangedFile): Promise<void> {
  if (file.how === 'removed' || file.how === 'mode' || file.path.endsWith('/')) return;
  const source = join(slotDir, file.path);
  const path = join(intoDir, file.path);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (file.sha256 !== null) return copyAsNamed(source, path, file.sha256);
  const there = await lstat(source);
  if (there.isSymbolicLink()) await symlink(await readlink(source), path);
  if (!there.isFile()) return;
  throw new CodedError(
    'file-unreadable',
    `${source} cannot be kept aside: it is too large, or may not be read`,
  );
}

async function copyAsNamed(source: string, path: string, sha256: string): Promise<void> {
  const hash = createHash('sha256');
  await withFile(open(source, constants.O_RDONLY | constants.O_NOFOLLOW), async (from) => {
    await withFile(open(path, 'wx', 0o600), async (copy) => {
      for await (const chunk of from.createReadStream({ autoClose: false })) {
        hash.update(chunk);
        await copy.writeFile(chunk);
      }
      await copy.sync();
    });
  });
  if (hash.digest('hex') === sha256) return;
  throw new CodedError('slot-tampered', `${source} was changed while it was kept aside`);
}

async function named(
  makingDir: string,
  of: { readonly keptDir: string; readonly slotName: string; readonly nowMs: number },
): Promise<string> {
  for (let number = 1; ; number++) {
    const name = keepingName({ ...of, number });
    try {
      await rename(makingDir, join(of.keptDir, name));
      await syncDirectory(of.keptDir);
      return name;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '') || number >= NAMES_MAX)
        throw error;
    }
  }
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / (1024 * 1024));
}
