import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { ROOT_DIR } from '../root.ts';

const SOURCES = [
  'packages',
  'test/fixtures',
  'scripts/fleet',
  // What is built.
  'scripts/start/releases.ts',
  'test/support/e2e-releases.ts',
  'package-lock.json',
];
const IN_PACKAGES = /^packages\/[^/]+\/(src\/.*|package\.json)$/;

/** Of everything that releases and coordinators are made from: what was made from it can be kept while this stands. */
export async function sourceHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const path of (await Promise.all(SOURCES.map(filesBelow))).flat().sort()) {
    if (path.startsWith('packages/') && !IN_PACKAGES.test(path)) continue;
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
