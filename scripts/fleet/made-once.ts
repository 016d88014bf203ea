import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE_DIR } from './releases.ts';
import { sourceHash } from './source-hash.ts';

/** What was made from other sources is kept this long: another run may be using it. */
const KEPT_MS = 2 * 3_600_000;

/**
 * A directory that takes long to make, kept in the cache while the sources stand as they are. Made beside its final
 * place and moved there whole: whoever is ended in the middle leaves no half of it.
 */
export async function madeOnce(
  name: string,
  make: (dir: string) => Promise<void>,
): Promise<{ readonly dir: string; readonly isNew: boolean }> {
  const allDir = join(CACHE_DIR, name);
  const dir = join(allDir, (await sourceHash()).slice(0, 16));
  if (await isThere(dir)) return { dir, isNew: false };
  const makingDir = join(allDir, `making-${randomUUID()}`);
  await mkdir(makingDir, { recursive: true });
  try {
    await make(makingDir);
    // Another run may have been quicker: then what it made serves as well.
    await rename(makingDir, dir).catch(async (cause) => {
      if (!(await isThere(dir))) throw cause;
    });
  } finally {
    await rm(makingDir, { recursive: true, force: true });
  }
  await removeOld(allDir, dir);
  return { dir, isNew: true };
}

async function removeOld(allDir: string, keptDir: string): Promise<void> {
  for (const name of await readdir(allDir)) {
    const dir = join(allDir, name);
    if (dir === keptDir) continue;
    // Another run may just have moved or removed it.
    const found = await stat(dir).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > KEPT_MS)
      await rm(dir, { recursive: true, force: true });
  }
}

async function isThere(dir: string): Promise<boolean> {
  return await stat(dir).then(
    () => true,
    () => false,
  );
}
