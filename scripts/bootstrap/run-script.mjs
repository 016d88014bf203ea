// Runs a script of this checkout under the pinned Node and ends as it ends.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { MODULES_DIR, ROOT_DIR } from './places.mjs';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const SIGNAL_EXIT_BASE = 128;

export function runScript({ file, args, nodePath }) {
  const child = spawn(nodePath, [file, ...args], {
    cwd: ROOT_DIR,
    env: scriptEnvironment(nodePath),
    stdio: 'inherit',
  });
  for (const signal of FORWARDED) {
    let isForwarded = false;
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child too; npm repeats what it gets. Once is enough.
      if (isForwarded || (signal === 'SIGINT' && process.stdin.isTTY)) return;
      isForwarded = true;
      child.kill(signal);
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve(code ?? SIGNAL_EXIT_BASE + (constants.signals[signal] ?? 0)),
    );
  });
}

function scriptEnvironment(nodePath) {
  const path = [dirname(nodePath), join(MODULES_DIR, '.bin'), process.env.PATH]
    .filter(Boolean)
    .join(delimiter);
  return { ...process.env, PATH: path };
}
