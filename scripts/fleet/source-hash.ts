import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { ROOT_DIR } from '../root.ts';

const SOURCES = ['packages', 'test/fixtures', 'scripts/fleet', 'package-lock.json'];
const FILES =
  /^(packages\/[^/]+\/(src\/.*|package\.json)|test\/fixtures\/.*|scripts\/fleet\/.*|package-lock\.json)$/;

/** Of everything that releases and coordinators are made from: what was made from it can be kept while this stands. */
export async function sourceHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const path of (await Promise.all(SOURCES.map(filesBelow))).flat().sort()) {
    if (!FILES.test(path)) continue;
    hash.update(`${path}\0`).update(await readFile(join(ROOT_DIR, path)));
  }
  return hash.digest('hex');
}

async function filesBelow(path: string): Promise<readonly string[]> {
  const dir = join(ROOT_DIR, path);
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    const nested = entries
      .filter(({ name }) => name !== 'node_modules')
      .map((entry) => {
        const below = relative(ROOT_DIR, join(dir, entry.name));
        return entry.isDirectory() ? filesBelow(below) : Promise.resolve([below]);
      });
    return (await Promise.all(nested)).flat();
  } catch {
    return [path];
  }
}
