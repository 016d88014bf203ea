import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { canMakeNamespaces, removeLeft } from '../scripts/readme-namespaces.ts';

const NAME = `moult-test-${process.pid}`;
const HOUR_MS = 3_600_000;

const netns = (...args: readonly string[]) => {
  return spawnSync('ip', ['netns', ...args], { encoding: 'utf8' });
};
const isThere = () => netns('list').stdout.includes(NAME);

describe.runIf(canMakeNamespaces())('network namespaces that a run of the README left', () => {
  afterEach(() => void netns('delete', NAME));

  test('are removed when nothing runs in them', () => {
    netns('add', NAME);
    expect(isThere()).toBe(true);
    removeLeft({ names: [NAME], olderThanMs: 0 });
    expect(isThere()).toBe(false);
  });

  test('stay while a process is in them', async () => {
    netns('add', NAME);
    const inside = spawn('ip', ['netns', 'exec', NAME, 'sh', '-c', 'echo in; exec cat']);
    await once(inside.stdout, 'data');
    removeLeft({ names: [NAME], olderThanMs: 0 });
    expect(isThere()).toBe(true);
    inside.stdin.end();
    await once(inside, 'exit');
    removeLeft({ names: [NAME], olderThanMs: 0 });
    expect(isThere()).toBe(false);
  });

  test('stay while somebody may be about to use them', () => {
    netns('add', NAME);
    removeLeft({ names: [NAME], olderThanMs: HOUR_MS });
    expect(isThere()).toBe(true);
  });
});
