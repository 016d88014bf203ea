import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT_DIR = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const MODULES_DIR = join(ROOT_DIR, 'node_modules');
/** What the tooling keeps between runs; git ignores it, and it may be deleted whenever nothing runs. */
export const CACHE_DIR = join(ROOT_DIR, '.cache');

export const PLATFORM = `${process.platform}-${process.arch}`;
export const NODE_PATH = join(MODULES_DIR, `node-${PLATFORM}`, 'bin', 'node');
