/*
 * The chain of roots beside the keys: `root.json` is the newest and the only one that counts; `roots/N.root.json` are all
 * of them, kept for ever, because a host that was away walks them one by one.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { codeOf, readTextIfPresent } from '@moult/runtime/files';
import type { Metadata, Root } from '@tufjs/models';
import { readRoot } from './metadata.ts';
import { versionedName } from './repository-state.ts';

export const ROOT_METADATA_NAME = 'root.json';

export interface RootFile {
  readonly version: number;
  readonly text: string;
  readonly metadata: Metadata<Root>;
}

/** The newest root. Throws `keys-missing` where there is none, `root-refused` for one that cannot be read. */
export async function readNewestRoot(keysDir: string): Promise<RootFile> {
  const path = join(keysDir, ROOT_METADATA_NAME);
  const text = await readTextIfPresent(path);
  if (text === null) throw new CodedError('keys-missing', `there is no ${path}`);
  return rootFileOf(text);
}

/** One of the chain; null where it is not kept. */
export async function readKeptRoot(keysDir: string, version: number): Promise<RootFile | null> {
  const text = await readTextIfPresent(keptRootPath(keysDir, version));
  return text === null ? null : rootFileOf(text);
}

/** Every root that is there, oldest first; the last is the newest. */
export async function readRootChain(keysDir: string): Promise<readonly RootFile[]> {
  const newest = await readNewestRoot(keysDir);
  const versions = (await keptNames(keysDir))
    .map((name) => versionedName(name, 'root'))
    .filter((version) => version !== null)
    .filter((version) => version < newest.version)
    .sort((a, b) => a - b);
  const kept = await Promise.all(versions.map((version) => readKeptRoot(keysDir, version)));
  return [...kept.filter((root) => root !== null), newest];
}

export function keptRootsDir(keysDir: string): string {
  return join(keysDir, 'roots');
}

export function keptRootPath(keysDir: string, version: number): string {
  return join(keptRootsDir(keysDir), `${version}.root.json`);
}

/** Throws `root-refused`. */
export function rootFileOf(text: string): RootFile {
  const metadata = readRoot(Buffer.from(text), 'root-refused');
  return { version: metadata.signed.version, text, metadata };
}

async function keptNames(keysDir: string): Promise<readonly string[]> {
  try {
    return await readdir(keptRootsDir(keysDir));
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return [];
    throw new CodedError('file-unreadable', `cannot read ${keptRootsDir(keysDir)}`, { cause });
  }
}
