// The blocks of README and docs that are run: fenced as ```sh NAME. What a reader types is what a test runs, word for word.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT_DIR } from './root.ts';

export interface BlockRun {
  readonly exitCode: number;
  /** What the block said, both streams. */
  readonly output: string;
}

/** A network of its own, where port 7400 is free whatever else runs here. Wants root. */
export const OWN_NETWORK: readonly string[] = [
  ...['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'],
];

const FENCE = /^```sh ([a-z-]+)\n([\s\S]*?)^```$/gm;
/** As long as a slow machine may take for a few builds and an upgrade. */
export const RUN_MS_MAX = 170_000;

/** By name, in order. `path` is a page's, from the top of the checkout. */
export function blocksOf(path: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(ROOT_DIR, path), 'utf8');
  return new Map([...text.matchAll(FENCE)].map(([, name = '', body = '']) => [name, body]));
}

/**
 * Runs one block with bash in a directory, `moult` on PATH. It stops at the first command that fails; what it left in
 * the background is ended with it: the launcher and the coordinator first by a signal that they obey in order.
 */
export function runBlock(options: {
  readonly body: string;
  readonly dir: string;
  /** Programs before bash: another network namespace. */
  readonly within?: readonly string[];
}): Promise<BlockRun> {
  const { body, dir, within = [] } = options;
  const script = `set -euo pipefail\nend() { code=$?; kill $(jobs -p) 2>/dev/null || true; wait || true; exit $code; }\ntrap end EXIT\n${body}`;
  const [program = 'bash', ...args] = [...within, 'bash', '-c', script];
  const child = spawn(program, args, {
    cwd: dir,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: `${ROOT_DIR}:${process.env['PATH'] ?? ''}`, HOME: dir, LANG: 'C.UTF-8' },
  });
  const timer = setTimeout(() => killGroup(child.pid), RUN_MS_MAX);
  return new Promise((resolve, reject) => {
    let output = '';
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      killGroup(child.pid);
      resolve({ exitCode: code ?? 1, output });
    });
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it ended.
  }
}
