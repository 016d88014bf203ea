/*
 * The network namespaces that a block of the README makes. A run that was killed leaves them behind, and the next one
 * could not make its own. Their names are the reader's as well: what anybody may still be using is never touched.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { RUN_MS_MAX } from './readme-blocks.ts';

const NAMES: readonly string[] = ['moult-agent', 'moult-coordinator'];
/** Where `ip netns` keeps them, each made with its namespace. */
const NAMESPACES_DIR = '/run/netns';

export function canMakeNamespaces(): boolean {
  return process.getuid?.() === 0 && ip('list').status === 0;
}

/** Runs what makes them, and removes them after it. Throws when somebody else's are there. */
export async function inNewNamespaces<T>(work: () => Promise<T>): Promise<T> {
  removeLeft({ names: NAMES, olderThanMs: RUN_MS_MAX });
  const there = thoseOf(NAMES);
  if (there.length > 0) {
    const which = there.join(' and ');
    throw new Error(`${which} are in use or just made: end what runs there, then ip netns delete`);
  }
  try {
    return await work();
  } finally {
    for (const name of NAMES) ip('delete', name);
  }
}

/** Removes those in which nothing runs. A younger one may be about to be used: a block makes them first. */
export function removeLeft(of: {
  readonly names: readonly string[];
  readonly olderThanMs: number;
}): void {
  for (const name of thoseOf(of.names)) {
    const running = ip('pids', name);
    const ageMs = Date.now() - statSync(`${NAMESPACES_DIR}/${name}`).mtimeMs;
    const isLeft = running.status === 0 && running.stdout.trim() === '' && ageMs >= of.olderThanMs;
    if (isLeft) ip('delete', name);
  }
}

function thoseOf(names: readonly string[]): readonly string[] {
  // `name (id: 0)`, one a line.
  const there = ip('list')
    .stdout.split('\n')
    .map((line) => line.split(' ')[0]);
  return names.filter((name) => there.includes(name));
}

function ip(...args: readonly string[]) {
  return spawnSync('ip', ['netns', ...args], { encoding: 'utf8' });
}
