// Each tidy rule finds what it is for, in a small project with that one fault.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findBanned } from '../scripts/tidy/banned.ts';
import { findUndecidedDependencies } from '../scripts/tidy/decisions.ts';
import { type Finding, formatFinding } from '../scripts/tidy/finding.ts';
import { findLockfileFaults } from '../scripts/tidy/lockfile.ts';
import { findOrphans } from '../scripts/tidy/orphans.ts';
import { type Project, readProject } from '../scripts/tidy/project.ts';
import { findReferenceMismatches } from '../scripts/tidy/references.ts';
import { findRowMismatches, writeProof } from '../scripts/tidy/rows.ts';
import { RULES } from '../scripts/tidy/rules.ts';
import { findSpecMismatches } from '../scripts/tidy/spec-ids.ts';
import { findForeignWords } from '../scripts/tidy/words.ts';

let rootDir: string;

beforeEach(() => {
  rootDir = mkdtempSync(join(tmpdir(), 'moult tidy '));
  write('package.json', '{}');
  write('package-lock.json', '{"packages":{}}');
  write('packages/one/package.json', { exports: { '.': './src/index.ts' } });
  write('packages/one/tsconfig.json', {});
  write('packages/one/src/index.ts', 'export const first = 1;\n');
  write('biome.json', {
    overrides: [
      {
        includes: ['packages/one/src/**'],
        linter: { rules: { style: { noRestrictedImports: {} } } },
      },
    ],
  });
  write('docs/glossary.md', 'These are checked in exported names: node, wrapper.\n');
  write('docs/rows.md', '| H1 | checks hourly |\n| R2 | rolls |\n');
  write('docs/rows.json', '[]');
  write('docs/spec/upgrade.md', '**U1** Only probation commits.\n');
  write('docs/decisions/0001-dependencies.md', '`ws`\n');
  write('packages/one/test/a.test.ts', "test('U1: commits from probation', () => {});\n");
  writeProof(readProject(rootDir));
});

afterEach(() => {
  rmSync(rootDir, { recursive: true, force: true });
});

test('a tidy project has no findings', () => {
  const project = readProject(rootDir);
  expect(Object.values(RULES).flatMap((rule) => rule(project))).toEqual([]);
});

describe('references', () => {
  test('an import that package.json and tsconfig.json do not know', () => {
    write('packages/one/src/index.ts', "export { a } from '@moult/two/deep';\n");
    expect(found(findReferenceMismatches)).toEqual([
      'packages/one/package.json:1 references: src imports @moult/two: add it to dependencies',
      'packages/one/tsconfig.json:1 references: src imports @moult/two: add {"path": "../two"}',
    ]);
  });

  test('a dependency and a reference that nothing imports', () => {
    write('packages/one/package.json', { dependencies: { '@moult/two': '1' } });
    write('packages/one/tsconfig.json', { references: [{ path: '../three' }] });
    expect(found(findReferenceMismatches)).toEqual([
      'packages/one/package.json:1 references: nothing in src imports @moult/two: remove the dependency',
      'packages/one/tsconfig.json:1 references: nothing in src imports @moult/three: remove the reference',
    ]);
  });

  test('a package whose imports biome.json does not guard', () => {
    write('biome.json', { overrides: [] });
    expect(found(findReferenceMismatches)).toEqual([
      expect.stringContaining('packages/one/src/**'),
    ]);
  });
});

describe('banned', () => {
  test('what style.md forbids, with its line and replacement', () => {
    write('packages/one/src/index.ts', 'export const at =\n  Date.now();\n');
    expect(found(findBanned)).toEqual([
      expect.stringMatching(/^packages\/one\/src\/index\.ts:2 banned: Date\.now: take the clock/),
    ]);
  });

  test('not in comments and strings, and not in the places that are the door', () => {
    write('packages/one/src/index.ts', "// Date.now()\nexport const a = 'Math.random';\n");
    write('packages/runtime/package.json', {});
    write('packages/runtime/tsconfig.json', {});
    write('packages/runtime/src/clock.ts', 'export const now = (): number => Date.now();\n');
    expect(found(findBanned)).toEqual([]);
  });

  test.each([
    ['packages/one/src/index.ts', 'process.exit(1);'],
    ['packages/one/src/index.ts', 'export const home = process.env.HOME;'],
    ['packages/one/src/index.ts', 'setTimeout(stop, 5);'],
    ['packages/one/src/index.ts', '// TODO: later'],
    ['packages/one/src/utils.ts', 'export {};'],
    ['packages/one/test/a.test.ts', "test.only('a', () => {});"],
    ['packages/one/test/a.test.ts', "vi.mock('./b.ts');"],
    ['test/simulation/a.test.ts', 'await new Promise((done) => setTimeout(done, 50));'],
  ])('in %s: %s', (path, text) => {
    write(path, `${text}\n`);
    expect(found(findBanned)).toHaveLength(1);
  });
});

describe('orphans', () => {
  test('a source file that only a test imports', () => {
    write('packages/one/src/lost.ts', 'export const lost = 1;\n');
    write('packages/one/test/lost.test.ts', "import '../src/lost.ts';\n");
    expect(found(findOrphans)).toEqual([
      expect.stringMatching(/^packages\/one\/src\/lost\.ts:1 orphan/),
    ]);
  });

  test('not what a worker or a bundle starts', () => {
    write('packages/one/src/index.ts', "new Worker(new URL('./worker.ts', import.meta.url));\n");
    write('packages/one/src/worker.ts', 'export {};\n');
    write('packages/one/src/main.ts', 'export {};\n');
    write('scripts/bundle.ts', "const entry = 'packages/one/src/main.ts';\n");
    expect(found(findOrphans)).toEqual([]);
  });
});

describe('specs', () => {
  test('an invariant without a test, and a citation without an invariant', () => {
    write('docs/spec/upgrade.md', '**U1** a\n\n**U2** b\n');
    write('packages/one/src/index.ts', '// U9: no such thing\nexport const U7 = 1;\n');
    expect(found(findSpecMismatches)).toEqual([
      expect.stringContaining('docs/spec/upgrade.md:3 spec: no test cites U2'),
      expect.stringContaining('packages/one/src/index.ts:1 spec: cites U9'),
    ]);
  });

  test('an id that is taken, and one that reads like a row', () => {
    write('docs/spec/upgrade.md', '**U1** a\n**U1** b\n**R1** c\n');
    write('packages/one/test/a.test.ts', '// U1 R1\n');
    expect(found(findSpecMismatches)).toEqual([
      expect.stringContaining('upgrade.md:2 spec: U1 is taken'),
      expect.stringContaining('upgrade.md:3 spec: R1 reads like a row'),
    ]);
  });
});

describe('rows', () => {
  test('a row called done needs a title under test/e2e that begins with it', () => {
    write('docs/rows.json', '["H1"]');
    write('packages/one/test/a.test.ts', "test('H1: not through the real programs', () => {});\n");
    expect(found(findRowMismatches)).toContainEqual(expect.stringContaining('H1 is called done'));
    write('test/e2e/hourly.test.ts', "test(\n  'H1 R2: checks by the hour',\n  () => {},\n);\n");
    expect(writeProof(readProject(rootDir))).toBe(true);
    expect(found(findRowMismatches)).toEqual([]);
  });

  test('a proof that is out of date, and a row that does not exist', () => {
    write(
      'test/e2e/hourly.test.ts',
      "test('H44: what', () => {});\ntest('R2: rolls', () => {});\n",
    );
    expect(found(findRowMismatches)).toEqual([
      expect.stringContaining('test/e2e/hourly.test.ts:1 rows: docs/rows.md has no row H44'),
      expect.stringContaining('docs/proof.md:1 rows:'),
    ]);
  });
});

test('an exported name with a word that is not ours', () => {
  const text = 'export const nodePath = 1;\nexport type Nodes = 1;\nexport const decode = 1;\n';
  write('packages/one/src/index.ts', text);
  expect(found(findForeignWords)).toHaveLength(2);
});

describe('lockfile', () => {
  test('a host, a platform left out, a version range', () => {
    write('package-lock.json', {
      packages: {
        '': { dependencies: { a: '^1.0.0' } },
        'node_modules/a': { resolved: 'https://registry.example/a.tgz' },
        'node_modules/b': { optionalDependencies: { 'b-linux': '1', 'b-darwin': '1' } },
        'node_modules/b/node_modules/b-linux': {},
      },
    });
    expect(findLockfileFaults(rootDir).map(formatFinding)).toEqual([
      expect.stringContaining('package.json:1 lockfile: a@^1.0.0'),
      expect.stringContaining('node_modules/a says where it came from'),
      expect.stringContaining('optional b-darwin@1'),
    ]);
  });
});

test('a dependency without a decision record', () => {
  write('packages/one/package.json', {
    dependencies: { ws: '1', 'left-pad': '1', '@moult/two': '1' },
  });
  expect(found(findUndecidedDependencies)).toEqual([expect.stringContaining('left-pad')]);
});

function found(rule: (project: Project) => readonly Finding[]): readonly string[] {
  return rule(readProject(rootDir)).map(formatFinding);
}

function write(path: string, content: string | object): void {
  const full = join(rootDir, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, typeof content === 'string' ? content : JSON.stringify(content));
}
