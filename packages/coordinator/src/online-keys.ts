/*
 * Brings new online keys to a coordinator, running or not. They lie beside the old ones and count from the moment that a
 * root which names them goes live; the old ones stay, because a repository from a backup may need them.
 */
import { chown, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { keyFilesIn, loadOnlineKeys, namedBy } from '@moult/release/keys';
import { readNewestRoot } from '@moult/release/root-files';
import { codeOf, writeFileDurably } from '@moult/runtime/files';

export interface KeysAdded {
  /** Of the root that names them. */
  readonly rootVersion: number;
  readonly added: readonly string[];
}

/** What is there already is left alone. Throws `keys-missing`, `online-keys-missing`, `coordinator-not-initialized`. */
export async function addOnlineKeys(options: {
  /** Made by `moult keys init` or `moult keys rotate`: root.json and the keys that it names. */
  readonly trustDir: string;
  readonly keysDir: string;
}): Promise<KeysAdded> {
  const { trustDir, keysDir } = options;
  const owner = await ownerOf(keysDir);
  const root = await readNewestRoot(trustDir);
  await loadOnlineKeys(trustDir, root.metadata);
  const added: string[] = [];
  for (const role of ['snapshot', 'timestamp'] as const) {
    const here = await keyFilesIn(keysDir, role);
    for (const { path, key } of namedBy(root.metadata, role, await keyFilesIn(trustDir, role))) {
      if (here.some((file) => file.key.keyId === key.keyId)) continue;
      const taken = here.map((file) => basename(file.path));
      const name = taken.includes(basename(path))
        ? `${role}-${key.keyId.slice(0, 16)}.key`
        : basename(path);
      const to = join(keysDir, name);
      await writeFileDurably(to, await readFile(path));
      // Run as root for a coordinator that is not: its files are its own.
      if (process.getuid?.() === 0) await chown(to, owner.uid, owner.gid);
      added.push(to);
    }
  }
  return { rootVersion: root.version, added };
}

async function ownerOf(keysDir: string): Promise<{ readonly uid: number; readonly gid: number }> {
  try {
    return await stat(keysDir);
  } catch (cause) {
    const code = codeOf(cause) === 'ENOENT' ? 'coordinator-not-initialized' : 'file-unreadable';
    throw new CodedError(code, `cannot read ${keysDir}`, { cause });
  }
}
