// What a test run gives to all that it starts, once for all projects. Workers inherit it, and so does what they start.
//
// A temporary directory of its own: everything that is put there is gone when the run is over, also where a test failed
// before it could clear up. And a place for compiled sources: programs that are started from sources, some thousand times
// in a run, start in half the time. The store's thread, which most tests of the coordinator start, is made into one file.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleScript } from '../../packages/release/src/build-script.ts';
import { ROOT_DIR } from '../../scripts/root.ts';
import { STORE_WORKER } from './store-worker.ts';

export async function setup(): Promise<() => void> {
  const dir = mkdtempSync(join(tmpdir(), 'moult-tests-'));
  const restoreDir = replaced('TMPDIR', dir);
  const restoreCache = replaced('NODE_COMPILE_CACHE', join(ROOT_DIR, '.cache', 'compiled'));
  const workerPath = join(dir, 'store-worker.cjs');
  await bundleScript({
    entryPath: join(ROOT_DIR, 'packages/store/src/store-worker.ts'),
    outPath: workerPath,
    repositoryDir: ROOT_DIR,
    version: '0.0.0-test',
  });
  const restoreWorker = replaced(STORE_WORKER, workerPath);
  return () => {
    rmSync(dir, { recursive: true, force: true });
    restoreDir();
    restoreCache();
    restoreWorker();
  };
}

/** Returns what puts the variable back to what it was. */
function replaced(name: string, value: string): () => void {
  const before = process.env[name];
  process.env[name] = value;
  return () => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  };
}
