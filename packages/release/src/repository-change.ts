/*
 * One change of the repository: made in a copy, judged by a real client, live by one swap of a link. A crash leaves the
 * old state or the new one (RL13).
 */
import { randomUUID } from 'node:crypto';
import { readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { sizeVerdict } from '@moult/core/trust';
import type { Clock } from '@moult/runtime/clock';
import { codeOf } from '@moult/runtime/files';
import type { OnlineKeys } from './key-files.ts';
import { requireAcceptance } from './repository-client.ts';
import { type RepositoryDisk, systemRepositoryDisk } from './repository-disk.ts';
import {
  type RepositoryState,
  readCurrentState,
  readState,
  servedDirOf,
} from './repository-state.ts';
import { writeState } from './repository-write.ts';

export interface RepositoryOptions {
  readonly repositoryDir: string;
  readonly onlineKeys: OnlineKeys;
  readonly clock: Clock;
  /** Versions of snapshot and timestamp are at least this; nothing: as they follow. */
  readonly versionMin?: number;
  readonly disk?: RepositoryDisk;
}

export interface Published {
  readonly rootVersion: number;
  readonly timestampVersion: number;
  readonly snapshotVersion: number;
  /** Metadata files at 75 % of their limit and above. */
  readonly warnings: readonly string[];
}

export interface Change {
  readonly before: RepositoryState | null;
  /** New links of the chain of roots, oldest first. */
  readonly roots: readonly { readonly bytes: Buffer; readonly version: number }[];
  readonly roles: readonly {
    readonly name: string;
    readonly bytes: Buffer;
    readonly version: number;
  }[];
  readonly documents: readonly { readonly path: string; readonly bytes: Buffer }[];
  /** Looked up by the accepting client. */
  readonly targetPaths: readonly string[];
}

export async function change(options: RepositoryOptions, what: Change): Promise<Published> {
  const { repositoryDir, clock } = options;
  const disk = options.disk ?? systemRepositoryDisk;
  const nowMs = clock.nowMs();
  const number = what.before === null ? 1 : Number.parseInt(basename(what.before.dir), 10) + 1;
  const name = `${number}-${randomUUID()}`;
  const dir = join(repositoryDir, 'states', name);
  try {
    const { onlineKeys, versionMin = 0 } = options;
    await writeState({ ...what, dir, disk, nowMs, onlineKeys, versionMin });
    const state = await readState(dir);
    await requireAcceptance({ state, before: what.before, targetPaths: what.targetPaths, nowMs });
    await requireUnchanged(repositoryDir, what.before);
    await disk.syncTree(join(repositoryDir, 'states'));
    await disk.swap(servedDirOf(repositoryDir), join('states', name));
    // Live from here on: states that cannot be removed now go with the next change.
    await removeOldStates({
      repositoryDir,
      disk,
      keep: [name, basename(what.before?.dir ?? name)],
    }).catch(() => undefined);
    return publishedOf(state);
  } catch (error) {
    // The swap may have happened before the failure: what is live stays.
    if (!(await isLive(repositoryDir, name))) await disk.remove(dir).catch(() => undefined);
    throw error;
  }
}

export function publishedOf(state: RepositoryState): Published {
  const sizes = [
    { role: 'root', sizeBytes: state.root.bytes.length },
    { role: 'snapshot', sizeBytes: state.snapshot.bytes.length },
    { role: 'targets', sizeBytes: state.targets.bytes.length },
    ...[...state.roles].map(([role, { bytes }]) => ({ role, sizeBytes: bytes.length })),
  ];
  return {
    rootVersion: state.root.metadata.signed.version,
    timestampVersion: state.timestamp.metadata.signed.version,
    snapshotVersion: state.snapshot.metadata.signed.version,
    warnings: sizes
      .filter((size) => sizeVerdict(size) !== 'within')
      .map(
        (size) =>
          `the metadata of ${size.role} has ${size.sizeBytes} bytes, near its limit: retire old releases`,
      ),
  };
}

async function requireUnchanged(
  repositoryDir: string,
  before: RepositoryState | null,
): Promise<void> {
  const isSame =
    before === null
      ? !(await hasRepository(repositoryDir))
      : await isLive(repositoryDir, basename(before.dir));
  if (!isSame) throw new CodedError('submission-conflict', 'another change went live meanwhile');
}

/** Whether one was made there; one that is damaged throws `repository-corrupt`. */
export async function hasRepository(repositoryDir: string): Promise<boolean> {
  try {
    await readCurrentState(repositoryDir);
    return true;
  } catch (error) {
    if (error instanceof CodedError && error.code === 'repository-missing') return false;
    throw error;
  }
}

/** Whether the link points at a state. A link that cannot be read may point there: then nothing is removed. */
async function isLive(repositoryDir: string, name: string): Promise<boolean> {
  try {
    return basename(await readlink(servedDirOf(repositoryDir))) === name;
  } catch (error) {
    return codeOf(error) !== 'ENOENT';
  }
}

/** The state before stays for requests that are being answered from it. */
async function removeOldStates(options: {
  readonly repositoryDir: string;
  readonly disk: RepositoryDisk;
  readonly keep: readonly string[];
}): Promise<void> {
  const statesDir = join(options.repositoryDir, 'states');
  for (const name of await readdir(statesDir)) {
    if (!options.keep.includes(name)) await options.disk.remove(join(statesDir, name));
  }
}
