import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compileCacheDir } from '../src/config/compile-cache.ts';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'moult-home-'));
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

function dirFor(variables: Readonly<Record<string, string>>): string | null {
  return compileCacheDir((name) => variables[name] ?? null);
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

describe('compiled code is kept', () => {
  test('in the cache of the user, in directories that are his alone', () => {
    const dir = dirFor({ HOME: home });
    expect(dir).toBe(join(home, '.cache', 'moult', 'compiled'));
    for (const made of ['.cache', '.cache/moult', '.cache/moult/compiled']) {
      expect(modeOf(join(home, made))).toBe(0o700);
    }
    expect(dirFor({ HOME: home })).toBe(dir);
  });

  test('where XDG says, also behind a link of the user', () => {
    mkdirSync(join(home, 'elsewhere'), { mode: 0o755 });
    symlinkSync('elsewhere', join(home, 'link'));
    const dir = dirFor({ HOME: '/nowhere', XDG_CACHE_HOME: join(home, 'link') });
    expect(dir).toBe(join(home, 'link', 'moult', 'compiled'));
  });
});

describe('nothing is kept, and nothing made,', () => {
  test('without a home that was said', () => {
    expect(dirFor({})).toBeNull();
    expect(dirFor({ HOME: '/' })).toBeNull();
    expect(dirFor({ HOME: 'relative', XDG_CACHE_HOME: 'relative' })).toBeNull();
    expect(dirFor({ HOME: join(home, 'missing') })).toBeNull();
    expect(existsSync(join(home, 'missing'))).toBe(false);
  });

  test('in a home that others can write', () => {
    chmodSync(home, 0o777);
    expect(dirFor({ HOME: home })).toBeNull();
    expect(existsSync(join(home, '.cache'))).toBe(false);
  });

  test.each(['.cache', '.cache/moult', '.cache/moult/compiled'])(
    'where others can write %s',
    (name) => {
      mkdirSync(join(home, name), { recursive: true });
      chmodSync(join(home, name), 0o770);
      expect(dirFor({ HOME: home })).toBeNull();
    },
  );

  test('behind a link in the place of a directory of ours', () => {
    mkdirSync(join(home, 'elsewhere'));
    mkdirSync(join(home, '.cache'), { mode: 0o700 });
    symlinkSync(join(home, 'elsewhere'), join(home, '.cache', 'moult'));
    expect(dirFor({ HOME: home })).toBeNull();
    expect(existsSync(join(home, 'elsewhere', 'compiled'))).toBe(false);
  });
});
