// What a test run gives to all that it starts, once for all projects. Workers inherit it, and so does what they start.
//
// A temporary directory of its own: everything that is put there is gone when the run is over, also where a test failed
// before it could clear up. And a place for compiled sources: threads and programs that are started from sources, some
// thousand times in a run, start in half the time.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT_DIR } from '../../scripts/root.ts';

export function setup(): () => void {
  const dir = mkdtempSync(join(tmpdir(), 'moult-tests-'));
  const restoreDir = replaced('TMPDIR', dir);
  const restoreCache = replaced('NODE_COMPILE_CACHE', join(ROOT_DIR, '.cache', 'compiled'));
  return () => {
    rmSync(dir, { recursive: true, force: true });
    restoreDir();
    restoreCache();
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
