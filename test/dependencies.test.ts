import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareVersions } from '@moult/core/versions';
import { expect, test } from 'vitest';

const ROOT_DIR = join(import.meta.dirname, '..');

/** Below these a known attack works, or a defence that we rely on is missing (docs/threats.md, T22). */
const MINIMUMS: Readonly<Record<string, string>> = {
  // 6.0.2 is the first that passes the whole conformance suite of TUF.
  'tuf-js': '6.0.2',
  '@tufjs/models': '5.0.2',
  // Before 7.5.21 hostile entries get past its filters.
  tar: '7.5.21',
  // The limits on fragments and payload.
  ws: '8.23.0',
  // The limit on depth.
  protobufjs: '8.8.1',
  got: '16.1.0',
  fastify: '5.12.8',
};

interface PackageFile {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (path: string): PackageFile =>
  JSON.parse(readFileSync(join(ROOT_DIR, path), 'utf8')) as PackageFile;

const PACKAGES = [
  'package.json',
  ...readdirSync(join(ROOT_DIR, 'packages')).map((name) => `packages/${name}/package.json`),
];

test.for(PACKAGES)('T22: %s names exact versions only', (path) => {
  const { dependencies, devDependencies, optionalDependencies } = read(path);
  const all = { ...dependencies, ...devDependencies, ...optionalDependencies };
  const loose = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
  expect(loose).toEqual([]);
});

test.for(Object.entries(MINIMUMS))('T22: %s is installed at %s or later', ([name, minimum]) => {
  const { version } = JSON.parse(
    readFileSync(join(ROOT_DIR, 'node_modules', name, 'package.json'), 'utf8'),
  ) as { readonly version: string };
  expect(compareVersions(version, minimum) >= 0, `${name} ${version}`).toBe(true);
});

test('T22: nothing that is installed runs a script of its own', () => {
  expect(readFileSync(join(ROOT_DIR, '.npmrc'), 'utf8')).toContain('ignore-scripts=true');
});
