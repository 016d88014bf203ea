/*
 * Partial blobs outlive an interrupted fetch as `<sha256>.part`. Whoever fetches takes the file for itself by
 * renaming it, so that nobody else has it open when it is checked, and gives it back when it stops half-way (RL33).
 */
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '@moult/runtime/files';
import { isAbandoned, ownName } from './own-name.ts';

/** A path of our own for a partial blob, holding what an earlier fetch left, if anything. */
export async function claimPartial(dir: string, sha256: string): Promise<string> {
  const own = join(dir, ownName(sha256));
  for (const name of await leftOver(dir, sha256)) {
    try {
      await rename(join(dir, name), own);
      return own;
    } catch (error) {
      // Somebody else was first.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  return own;
}

/** Leaves what was fetched so far for the next one. */
export async function releasePartial(
  dir: string,
  claim: { readonly path: string; readonly sha256: string },
): Promise<void> {
  try {
    await rename(claim.path, join(dir, `${claim.sha256}.part`));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

async function leftOver(dir: string, sha256: string): Promise<readonly string[]> {
  const names = (await readdir(dir)).filter((name) => name.startsWith(`${sha256}.`));
  return names.filter((name) => name === `${sha256}.part` || isAbandoned(name));
}
