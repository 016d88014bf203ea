import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeOf, linkDurably, writeFileDurably } from '../src/files.ts';

let dir = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'moult-files-'));
});

afterEach(() => rm(dir, { recursive: true }));

/** A number that no process has any more. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '0']).pid;
}

test('a durable write removes what killed writers of the same file left beside it', async () => {
  await writeFile(join(dir, `boot.json.${deadPid()}.tmp`), 'half');
  await writeFileDurably(join(dir, 'boot.json'), 'whole');
  expect(await readdir(dir)).toEqual(['boot.json']);
  expect(await readFile(join(dir, 'boot.json'), 'utf8')).toBe('whole');
});

test('a durable link removes what killed writers of the same link left beside it', async () => {
  await writeFile(join(dir, `current.${deadPid()}.tmp`), '');
  await linkDurably(join(dir, 'current'), 'agent/1.0.0');
  expect(await readdir(dir)).toEqual(['current']);
  expect(await readlink(join(dir, 'current'))).toBe('agent/1.0.0');
});

test('a durable write leaves alone what a living writer is making, and what is called otherwise', async () => {
  const others = [`boot.json.${process.ppid}.tmp`, `other.json.${deadPid()}.tmp`, 'boot.json.tmp'];
  for (const name of others) await writeFile(join(dir, name), '');
  await writeFileDurably(join(dir, 'boot.json'), 'whole');
  expect((await readdir(dir)).sort()).toEqual(['boot.json', ...others].sort());
});

test('T24: a quota that is used up has its name, which Node does not know', () => {
  const error = new Error('Unknown system error -122');
  const errno = -constants.errno.EDQUOT;
  expect(codeOf(Object.assign(error, { errno, code: `Unknown system error ${errno}` }))).toBe(
    'EDQUOT',
  );
  expect(codeOf(Object.assign(new Error('no'), { errno: -28, code: 'ENOSPC' }))).toBe('ENOSPC');
});
