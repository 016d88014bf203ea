/* What lies below some directories: owners, modes, sizes and times of files, never what is in them. */
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DIAGNOSIS_LIMITS } from '@moult/core/diagnosis';
import { messageOf } from './gather.ts';

/** Deeper lies only what is staged. */
const DEPTH_MAX = 8;

const KINDS: readonly (readonly [number, string])[] = [
  [0o140000, 's'],
  [0o120000, 'l'],
  [0o100000, '-'],
  [0o060000, 'b'],
  [0o040000, 'd'],
  [0o020000, 'c'],
  [0o010000, 'p'],
];
const KIND_BITS = 0o170000;

/** A line a file, like `ls -ln` with whole paths: kind and mode, owner and group by number, bytes, time, path. */
export async function listFiles(paths: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const path of paths) await list(path, lines, 0);
  const { filesMax } = DIAGNOSIS_LIMITS;
  if (lines.length > filesMax)
    lines.splice(filesMax, lines.length, `[more than ${filesMax} files]`);
  return `${lines.join('\n')}\n`;
}

async function list(path: string, lines: string[], depth: number): Promise<void> {
  if (lines.length > DIAGNOSIS_LIMITS.filesMax) return;
  try {
    const found = await lstat(path);
    const kind = KINDS.find(([bits]) => bits === (found.mode & KIND_BITS))?.[1] ?? '?';
    const mode = (found.mode & 0o7777).toString(8).padStart(4, '0');
    const target = kind === 'l' ? ` -> ${await readlink(path)}` : '';
    const fields = [`${kind}${mode}`, `${found.uid}:${found.gid}`, String(found.size).padStart(10)];
    lines.push(`${fields.join(' ')} ${found.mtime.toISOString()} ${path}${target}`);
    if (kind !== 'd' || depth === DEPTH_MAX) return;
    for (const name of (await readdir(path)).toSorted())
      await list(join(path, name), lines, depth + 1);
  } catch (caught) {
    lines.push(`?     ${path}: ${messageOf(caught)}`);
  }
}
