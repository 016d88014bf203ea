/*
 * Private keys on disk. The files of a role are `<role>.key` and `<role>-….key`; which of them count is said by a signed
 * root alone. So a new key may lie beside the old one, and one change of the root is the whole switch.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import type { Metadata, Root } from '@tufjs/models';
import { readRoot } from './metadata.ts';
import { loadSigningKey, type SigningKey } from './signing-key.ts';

export type KeyRole = 'root' | 'release' | 'snapshot' | 'timestamp';
export const KEY_ROLES: readonly KeyRole[] = ['root', 'release', 'snapshot', 'timestamp'];

/** What TUF calls the roles whose keys these are. */
export const TUF_ROLE: Readonly<Record<KeyRole, 'root' | 'targets' | 'snapshot' | 'timestamp'>> = {
  root: 'root',
  release: 'targets',
  snapshot: 'snapshot',
  timestamp: 'timestamp',
};

/** The keys that the coordinator signs with. They say what is newest, never what may run. */
export interface OnlineKeys {
  readonly snapshot: SigningKey;
  readonly timestamp: SigningKey;
}

export interface KeyFile {
  readonly path: string;
  readonly key: SigningKey;
}

/** Every key file of a role, old ones and new ones. Throws `keys-missing` for a directory that cannot be read. */
export async function keyFilesIn(dir: string, role: KeyRole): Promise<readonly KeyFile[]> {
  const names = (await namesIn(dir)).filter(
    (name) => name.startsWith(role) && name.endsWith('.key'),
  );
  return Promise.all(
    names.sort().map(async (name) => {
      const path = join(dir, name);
      return { path, key: await loadSigningKey(path) };
    }),
  );
}

/** Those of the files whose keys the root names for the role. */
export function namedBy(
  root: Metadata<Root>,
  role: KeyRole,
  files: readonly KeyFile[],
): readonly KeyFile[] {
  const keyIds = root.signed.roles[TUF_ROLE[role]]?.keyIDs ?? [];
  return files.filter(
    ({ key }, index) =>
      keyIds.includes(key.keyId) &&
      files.findIndex((other) => other.key.keyId === key.keyId) === index,
  );
}

/**
 * The keys of a role in these directories that the root names, as many as it wants at least. Throws
 * `keys-below-threshold`; `keys-missing` when there is no key of the role at all.
 */
export async function loadNamedKeys(options: {
  readonly dirs: readonly string[];
  readonly role: 'root' | 'release';
  readonly root: Metadata<Root>;
}): Promise<readonly SigningKey[]> {
  const { dirs, role, root } = options;
  const files = (await Promise.all(dirs.map((dir) => keyFilesIn(dir, role)))).flat();
  if (files.length === 0) {
    throw new CodedError('keys-missing', `there is no ${role} key in ${dirs.join(', ')}`);
  }
  const named = namedBy(root, role, files).map(({ key }) => key);
  const { keyIDs: wanted, threshold } = roleOf(root, role);
  if (named.length >= threshold) return named;
  const missing = wanted.filter((id) => !named.some(({ keyId }) => keyId === id));
  throw new CodedError(
    'keys-below-threshold',
    `root version ${root.signed.version} wants ${threshold} of its ${role} keys, and ${dirs.join(', ')} has ${named.length}; missing: ${missing.map(shortId).join(', ')}`,
  );
}

/** All release keys of a directory: several when the threshold is above one. */
export async function loadReleaseKeys(dir: string): Promise<readonly SigningKey[]> {
  return loadAll(dir, 'release');
}

/** All root keys of a directory. */
export async function loadRootKeys(dir: string): Promise<readonly SigningKey[]> {
  return loadAll(dir, 'root');
}

/** Of the online keys in a directory, those that the root names. Throws `online-keys-missing`. */
export async function loadOnlineKeys(
  dir: string,
  root: Metadata<Root> | string,
): Promise<OnlineKeys> {
  const metadata = typeof root === 'string' ? readRoot(Buffer.from(root), 'root-refused') : root;
  const load = async (role: 'snapshot' | 'timestamp'): Promise<SigningKey> => {
    const files = await keyFilesIn(dir, role);
    if (files.length === 0)
      throw new CodedError('keys-missing', `there is no ${role} key in ${dir}`);
    const found = namedBy(metadata, role, files)[0];
    if (found !== undefined) return found.key;
    const { keyIDs } = roleOf(metadata, role);
    throw new CodedError(
      'online-keys-missing',
      `${dir} has no ${role} key that root version ${metadata.signed.version} names (${keyIDs.map(shortId).join(', ')})`,
    );
  };
  return { snapshot: await load('snapshot'), timestamp: await load('timestamp') };
}

export function roleOf(
  root: Metadata<Root>,
  role: KeyRole,
): { readonly keyIDs: readonly string[]; readonly threshold: number } {
  return root.signed.roles[TUF_ROLE[role]] ?? { keyIDs: [], threshold: 1 };
}

/** Enough of a key's id to tell it from others by eye. */
export function shortId(keyId: string): string {
  return keyId.slice(0, 8);
}

async function loadAll(dir: string, role: 'root' | 'release'): Promise<readonly SigningKey[]> {
  const files = await keyFilesIn(dir, role);
  if (files.length === 0) throw new CodedError('keys-missing', `there is no ${role} key in ${dir}`);
  return files.map(({ key }) => key);
}

export async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (cause) {
    throw new CodedError('keys-missing', `cannot read the directory of keys ${dir}`, { cause });
  }
}
