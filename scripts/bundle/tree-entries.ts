import { readdir, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { TarEntry } from '../../packages/release/src/tar-stream.ts';

/** The files of a tree by their paths in it, in one order everywhere. It holds files and directories only. */
export async function treeEntries(treeDir: string): Promise<readonly TarEntry[]> {
  const entries: TarEntry[] = [];
  for (const found of await readdir(treeDir, { recursive: true, withFileTypes: true })) {
    if (found.isDirectory()) continue;
    const filePath = join(found.parentPath, found.name);
    if (!found.isFile()) throw new Error(`${filePath} is neither a file nor a directory`);
    const isExecutable = ((await stat(filePath)).mode & 0o111) !== 0;
    const path = filePath.slice(treeDir.length + 1);
    entries.push({ kind: 'file', path, isExecutable, content: filePath });
  }
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Those that the entries lie in, each before what is in it. */
export function directoriesOf(entries: readonly TarEntry[]): readonly TarEntry[] {
  const dirs = new Set<string>();
  for (const { path } of entries) {
    for (let dir = posix.dirname(path); dir !== '.'; dir = posix.dirname(dir)) dirs.add(dir);
  }
  return [...dirs].toSorted().map((path) => ({ kind: 'directory', path }));
}
