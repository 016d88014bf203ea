// What the rules look at: every source file and package of the checkout, read once.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSourceFile, type SourceFile } from './source-file.ts';

export interface Project {
  readonly rootDir: string;
  /** packages/<name>/src, without generated code. */
  readonly sources: readonly SourceFile[];
  /** packages/<name>/test and test/. */
  readonly tests: readonly SourceFile[];
  readonly scripts: readonly SourceFile[];
  readonly packages: readonly PackageInfo[];
}

export interface PackageInfo {
  /** The directory under packages/, which is the name after `@moult/`. */
  readonly name: string;
  /** Relative paths that `exports` and `bin` of package.json name. */
  readonly entries: readonly string[];
  readonly dependencies: readonly string[];
  readonly references: readonly string[];
}

const SKIPPED = new Set(['node_modules', 'dist', 'generated', 'fixtures', 'coverage']);

export function readProject(rootDir: string): Project {
  const names = readdirSync(join(rootDir, 'packages')).filter((name) =>
    existsSync(join(rootDir, 'packages', name, 'package.json')),
  );
  const under = (dir: string): SourceFile[] => readSources(rootDir, dir);
  return {
    rootDir,
    sources: names.flatMap((name) => under(`packages/${name}/src`)),
    tests: [...names.flatMap((name) => under(`packages/${name}/test`)), ...under('test')],
    scripts: under('scripts'),
    packages: names.map((name) => readPackage(rootDir, name)),
  };
}

function readSources(rootDir: string, dir: string): SourceFile[] {
  return filesUnder(rootDir, dir)
    .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.d.ts'))
    .map((path) => parseSourceFile(path, readFileSync(join(rootDir, path), 'utf8')));
}

function filesUnder(rootDir: string, dir: string): string[] {
  if (!existsSync(join(rootDir, dir))) return [];
  return readdirSync(join(rootDir, dir), { withFileTypes: true })
    .filter((entry) => !SKIPPED.has(entry.name) && !entry.name.startsWith('.'))
    .flatMap((entry) => {
      const path = `${dir}/${entry.name}`;
      return entry.isDirectory() ? filesUnder(rootDir, path) : [path];
    });
}

interface PackageJson {
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

function readPackage(rootDir: string, name: string): PackageInfo {
  const dir = `packages/${name}`;
  const packageJson = readJson<PackageJson>(rootDir, `${dir}/package.json`);
  const tsconfig = readJson<{ readonly references?: readonly { readonly path: string }[] }>(
    rootDir,
    `${dir}/tsconfig.json`,
  );
  const files = [
    ...Object.values(packageJson.exports ?? {}),
    ...Object.values(packageJson.bin ?? {}),
  ];
  return {
    name,
    entries: files.map((file) => `${dir}/${file.replace(/^\.\//, '')}`),
    dependencies: Object.keys(packageJson.dependencies ?? {}),
    references: (tsconfig.references ?? []).map(({ path }) => path.replace(/^\.\.\//, '')),
  };
}

export function readJson<T>(rootDir: string, path: string): T {
  return JSON.parse(readFileSync(join(rootDir, path), 'utf8')) as T;
}

/** Null where the file is not there. */
export function readTextIfPresent(rootDir: string, path: string): string | null {
  const full = join(rootDir, path);
  return existsSync(full) ? readFileSync(full, 'utf8') : null;
}
