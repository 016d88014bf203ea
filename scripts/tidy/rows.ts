// Rows of docs/rows.md (what Moult is for) and the tests through the real programs that show them: a title
// under test/e2e begins with the ids of its rows, `H7 H11: a release that crashes ...`. From that comes
// docs/proof.md; docs/rows.json lists the rows that are called done, each of which must have a test.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './finding.ts';
import { type Project, readJson, readTextIfPresent } from './project.ts';
import { lineOf } from './source-file.ts';

/** H: the host, R: rollouts, P: what peers have, O: over the years, N: what nobody else does. */
export const ROW_LETTERS: ReadonlySet<string> = new Set(['H', 'R', 'P', 'O', 'N']);

const ROWS_PATH = 'docs/rows.md';
const DONE_PATH = 'docs/rows.json';
export const PROOF_PATH = 'docs/proof.md';
const RULE = 'rows';

interface TitledTest {
  readonly file: string;
  readonly line: number;
  readonly title: string;
  readonly rows: readonly string[];
}

export function findRowMismatches(project: Project): readonly Finding[] {
  const rows = readRows(project.rootDir);
  const tests = rowTests(project);
  const proven = new Set(tests.flatMap((test) => test.rows));
  const known = new Set(rows);
  const findings: Finding[] = [];
  for (const { file, line, rows: ids } of tests) {
    for (const id of ids.filter((row) => !known.has(row))) {
      findings.push({
        file,
        line,
        rule: RULE,
        whatToDo: `${ROWS_PATH} has no row ${id}: correct the title`,
      });
    }
  }
  for (const id of readJson<readonly string[]>(project.rootDir, DONE_PATH)) {
    const whatToDo = !known.has(id)
      ? `${ROWS_PATH} has no row ${id}: correct it`
      : `${id} is called done and no title under test/e2e begins with it: write the test, or take it off`;
    if (!proven.has(id)) findings.push({ file: DONE_PATH, line: 1, rule: RULE, whatToDo });
  }
  if (readTextIfPresent(project.rootDir, PROOF_PATH) !== proofOf(project)) {
    const whatToDo = '`npm run tidy` writes it anew: commit the result';
    findings.push({ file: PROOF_PATH, line: 1, rule: RULE, whatToDo });
  }
  return findings;
}

/** Answers whether the file changed. */
export function writeProof(project: Project): boolean {
  const proof = proofOf(project);
  if (readTextIfPresent(project.rootDir, PROOF_PATH) === proof) return false;
  writeFileSync(join(project.rootDir, PROOF_PATH), proof);
  return true;
}

function proofOf(project: Project): string {
  const tests = rowTests(project);
  const done = new Set(readJson<readonly string[]>(project.rootDir, DONE_PATH));
  const lines = readRows(project.rootDir).map((id) => {
    const shown = tests.filter((test) => test.rows.includes(id));
    const cell = shown.map(({ file, title }) => `${escapeCell(title)} (\`${file}\`)`).join('<br>');
    return `| ${id} | ${done.has(id) ? 'yes' : ''} | ${cell} |`;
  });
  return [
    '# Proof',
    '',
    'Which test through the real programs shows which row of [rows.md](rows.md). Written by `npm run tidy`',
    'from the titles under `test/e2e`; a row is done when `rows.json` says so, which needs a test here.',
    '',
    '| row | done | shown by |',
    '|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

function readRows(rootDir: string): readonly string[] {
  const text = readTextIfPresent(rootDir, ROWS_PATH) ?? '';
  return [...text.matchAll(/^\| ([A-Z]\d+) \|/gm)].map((match) => match[1] ?? '');
}

function rowTests(project: Project): readonly TitledTest[] {
  return project.tests
    .filter(({ path }) => path.startsWith('test/e2e/'))
    .flatMap(({ path, text }) =>
      titlesIn(text).map(({ title, offset }) => ({
        file: path,
        line: lineOf(text, offset),
        title,
        rows: rowsOf(title),
      })),
    )
    .filter(({ rows }) => rows.length > 0);
}

function titlesIn(text: string): readonly { readonly title: string; readonly offset: number }[] {
  const calls =
    /\b(?:test|it|describe)(?:\.\w+)*(?:\([^()]*\))?\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g;
  return [...text.matchAll(calls)].map((match) => ({
    title: (match[2] ?? '').replace(/\\(.)/g, '$1'),
    offset: match.index,
  }));
}

/** `H7, H11: ...` and `H7 H11 ...` alike. */
function rowsOf(title: string): readonly string[] {
  const beginning = /^(?:[HRPON]\d+[,:]?\s+)+/.exec(`${title} `)?.[0] ?? '';
  return beginning.match(/[HRPON]\d+/g) ?? [];
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
