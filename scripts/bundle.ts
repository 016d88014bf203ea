// `npm run bundle`: the `moult` program without a checkout, dist/moult/. Building releases still wants a checkout;
// everything else works from a copy of the directory.

import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleMoult, programIn } from './fleet/bundled-moult.ts';
import { ROOT_DIR } from './root.ts';

const OUT_DIR = join(ROOT_DIR, 'dist', 'moult');

const newDir = `${OUT_DIR}.new-${process.pid}`;
await rm(newDir, { recursive: true, force: true });
try {
  await bundleMoult(newDir);
  await rm(OUT_DIR, { recursive: true, force: true });
  await rename(newDir, OUT_DIR);
} finally {
  await rm(newDir, { recursive: true, force: true });
}
process.stdout.write(`made ${OUT_DIR}: run ${programIn(OUT_DIR)}\n`);
