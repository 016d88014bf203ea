import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CACHE_DIR } from './releases.ts';
import { sourceHash } from './source-hash.ts';
import { until } from './until.ts';

/** What was made from other sources is kept this long: another run may be using it. */
const KEPT_MS = 2 * 3_600_000;
/** Longer than a slow machine takes to make it, several times over. */
const WAIT_MS_MAX = 10 * 60_000;

/**
 * A directory that takes long to make, kept in the cache while the sources stand as they are. Made beside its final
 * place and moved there whole: whoever is ended in the middle leaves no half of it. Who comes while it is made waits.
 */
export async function madeOnce(
  name: string,
  make: (dir: string) => Promise<void>,
): Promise<{ readonly dir: string; readonly isNew: boolean }> {
  const allDir = join(CACHE_DIR, name);
  const dir = join(allDir, (await sourceHash()).slice(0, 16));
  if (await isThere(dir)) return { dir, isNew: false };
  await mkdir(allDir, { recursive: true });
  const lock = await lockOf(`${allDir}.lock`);
  try {
    if (await isThere(dir)) return { dir, isNew: false };
    await makeIn(allDir, { dir, make });
  } finally {
    lock.close();
  }
  return { dir, isNew: true };
}

async function makeIn(
  allDir: string,
  of: { readonly dir: string; readonly make: (dir: string) => Promise<void> },
): Promise<void> {
  const { dir, make } = of;
  const makingDir = join(allDir, `making-${randomUUID()}`);
  await mkdir(makingDir, { recursive: true });
  try {
    await make(makingDir);
    await rename(makingDir, dir);
  } finally {
    await rm(makingDir, { recursive: true, force: true });
  }
  await removeOld(allDir, dir);
}

/** Held until it is closed; the kernel lets go of it when the process ends, however it ends. */
async function lockOf(path: string): Promise<DatabaseSync> {
  const lock = new DatabaseSync(path, { timeout: 0 });
  const hold = () => {
    lock.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE');
    return true;
  };
  try {
    await until(`${path} is free`, hold, { timeoutMs: WAIT_MS_MAX });
  } catch (error) {
    lock.close();
    throw error;
  }
  return lock;
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
