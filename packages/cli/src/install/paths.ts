/* What lies at a path, as plans want to know it. */
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PathFacts, PathTable } from '@moult/core/install';
import { codeOf } from '@moult/runtime/files';

/** Links are followed: a state directory may lie on another disk. */
async function factsOf(path: string): Promise<PathFacts | null> {
  try {
    const found = await stat(path);
    const kind = found.isDirectory() ? 'directory' : found.isFile() ? 'file' : 'other';
    return { kind, uid: found.uid, gid: found.gid, mode: found.mode & 0o7777 };
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(error) ?? '')) return null;
    throw error;
  }
}

export async function tableOf(paths: readonly string[]): Promise<PathTable> {
  const entries = await Promise.all(
    paths.map(async (path) => [path, await factsOf(path)] as const),
  );
  return Object.fromEntries(entries);
}

/** Every directory above these, from the top, as they are reached and as they really lie. */
export async function above(paths: readonly string[]): Promise<PathTable> {
  const dirs = new Set<string>();
  for (const path of paths) {
    for (const from of [path, await realOf(path)]) {
      for (let dir = dirname(from); !dirs.has(dir); dir = dirname(dir)) dirs.add(dir);
    }
  }
  return await tableOf([...dirs].sort());
}

/** With all links followed; as it is where nothing is there yet. */
export async function realOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    if (parent === path) return path;
    return `${(await realOf(parent)).replace(/\/$/, '')}${path.slice(parent.replace(/\/$/, '').length)}`;
  }
}
