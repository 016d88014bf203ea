import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalJson,
  encodeManifest,
  isSafePath,
  type Manifest,
  parseManifest,
} from '../src/manifest.ts';

const SHA = 'ab'.repeat(32);

const GOOD: Manifest = {
  format: 1,
  component: 'agent',
  version: '1.2.3',
  platform: 'linux-x64',
  program: 'bin/node',
  script: 'lib/agent.cjs',
  files: [
    { path: 'bin/node', sha256: SHA, length: 10, executable: true },
    { path: 'lib/agent.cjs', sha256: SHA, length: 20, executable: false },
  ],
  minimumLauncher: null,
  stateSchema: 1,
  readableSince: 1,
  probationMs: 60_000,
  irreversible: false,
  rehearses: true,
};

test('a manifest reads back as it was written', () => {
  expect(parseManifest(encodeManifest(GOOD))).toEqual(GOOD);
});

test('the text does not depend on the order of fields', () => {
  const shuffled = Object.fromEntries(Object.entries(GOOD).reverse()) as unknown as Manifest;
  expect(encodeManifest(shuffled)).toBe(encodeManifest(GOOD));
});

test('fields of later versions are ignored when reading', () => {
  const later = canonicalJson({ ...GOOD, rehearsal: { seconds: 5 } });
  expect(parseManifest(later)).toEqual(GOOD);
});

describe('each rubbish manifest is refused with the field that is wrong', () => {
  const file = GOOD.files[0];
  const cases: readonly (readonly [string, string, object | string])[] = [
    ['text', 'no JSON', '{'],
    ['text', 'a list', []],
    ['text', 'longer than the limit', ' '.repeat(300_000)],
    ['format', 'another format', { ...GOOD, format: 2 }],
    ['component', 'an unknown component', { ...GOOD, component: 'kernel' }],
    ['version', 'a leading v', { ...GOOD, version: 'v1.0.0' }],
    ['version', 'build metadata', { ...GOOD, version: '1.0.0+x' }],
    ['platform', 'an unknown platform', { ...GOOD, platform: 'beos-ppc' }],
    ['minimumLauncher', 'no version', { ...GOOD, minimumLauncher: 'new' }],
    ['probationMs', 'under five seconds', { ...GOOD, probationMs: 10 }],
    ['probationMs', 'a fraction', { ...GOOD, probationMs: 6000.5 }],
    ['program', 'a program that is no file of it', { ...GOOD, program: 'bin/sh' }],
    ['files', 'none', { ...GOOD, files: [] }],
    ['files', 'a parent segment', { ...GOOD, files: [{ ...file, path: '../x' }] }],
    ['files', 'an absolute path', { ...GOOD, files: [{ ...file, path: '/x' }] }],
    [
      'files',
      'the manifest itself',
      { ...GOOD, files: [...GOOD.files, { ...file, path: 'manifest.json' }] },
    ],
    ['files', 'twins by case', { ...GOOD, files: [...GOOD.files, { ...file, path: 'BIN/node' }] }],
    [
      'files',
      'a file that is a directory',
      { ...GOOD, files: [...GOOD.files, { ...file, path: 'bin' }] },
    ],
    ['files', 'md5', { ...GOOD, files: [{ ...file, sha256: 'ab'.repeat(16) }] }],
    ['length', 'a negative length', { ...GOOD, files: [{ ...file, length: -1 }] }],
    ['length', 'an absurd length', { ...GOOD, files: [{ ...file, length: 1e308 }] }],
  ];
  test.each(cases)('%s: %s', (field, _why, value) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    expect(() => parseManifest(text)).toThrow(
      expect.objectContaining({ code: 'manifest-invalid' }),
    );
    expect(() => parseManifest(text)).toThrow(new RegExp(field === 'text' ? '' : field));
  });
});

test('no safe path leaves its slot', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (path) => {
      if (!isSafePath(path)) return;
      expect(path).not.toMatch(/(^|\/)\.{1,2}(\/|$)|^\/|\\|\0/);
    }),
  );
});
