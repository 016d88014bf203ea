/* Where a bundle begins: what was compiled once is kept for the next call; then the program itself, beside this file. */
import { createRequire, enableCompileCache } from 'node:module';
import { compileCacheDir } from './config/compile-cache.ts';

const dir = compileCacheDir();
if (dir !== null) enableCompileCache(dir);
createRequire(import.meta.url)('./moult.cjs');
