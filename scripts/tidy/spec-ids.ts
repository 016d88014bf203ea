// docs/spec/*.md number their invariants (`**U1** ...`). Each is cited in at least one test, as `U1` in a title
// or a comment, and whatever a test or a source comment cites exists.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './finding.ts';
import { type Project, readTextIfPresent } from './project.ts';
import { ROW_LETTERS } from './rows.ts';
import { lineOf, type SourceFile } from './source-file.ts';

const SPEC_DIR = 'docs/spec';
const RULE = 'spec';

interface SpecId {
  readonly id: string;
  readonly file: string;
  readonly line: number;
}

export function findSpecMismatches(project: Project): readonly Finding[] {
  const specIds = readSpecIds(project.rootDir);
  const known = new Set(specIds.map(({ id }) => id));
  const prefixes = new Set(specIds.map(({ id }) => prefixOf(id)));
  const cited = new Set(
    project.tests.flatMap((file) => citationsIn(file.text).map(({ id }) => id)),
  );
  return [
    ...duplicates(specIds),
    ...specIds.filter(({ id }) => ROW_LETTERS.has(prefixOf(id))).map(rowLetter),
    ...specIds.filter(({ id }) => !cited.has(id)).map(uncited),
    ...[...project.sources, ...project.tests].flatMap((file) =>
      unknownCitations(file, known, prefixes),
    ),
  ];
}

function readSpecIds(rootDir: string): readonly SpecId[] {
  let names: string[];
  try {
    names = readdirSync(join(rootDir, SPEC_DIR)).filter((name) => name.endsWith('.md'));
  } catch {
    return [];
  }
  return names.sort().flatMap((name) => {
    const file = `${SPEC_DIR}/${name}`;
    const text = readTextIfPresent(rootDir, file) ?? '';
    return [...text.matchAll(/\*\*([A-Z]{1,3}\d+)[.:]?\*\*/g)].map((match) => ({
      id: match[1] ?? '',
      file,
      line: lineOf(text, match.index),
    }));
  });
}

function citationsIn(text: string): readonly { readonly id: string; readonly offset: number }[] {
  return [...text.matchAll(/(?<![\w\\.#-])[A-Z]{1,3}\d+(?![\w-])/g)].map((match) => ({
    id: match[0],
    offset: match.index,
  }));
}

/** In sources only comments cite; in tests titles do as well. Only the specs' own prefixes are citations. */
function unknownCitations(
  file: SourceFile,
  known: ReadonlySet<string>,
  prefixes: ReadonlySet<string>,
): readonly Finding[] {
  const text = file.path.includes('/src/') ? file.comments : file.text;
  return citationsIn(text)
    .filter(({ id }) => prefixes.has(prefixOf(id)) && !known.has(id))
    .map(({ id, offset }) => ({
      file: file.path,
      line: lineOf(file.text, offset),
      rule: RULE,
      whatToDo: `cites ${id}, which no file of ${SPEC_DIR} has: correct the id, or write the invariant`,
    }));
}

function duplicates(specIds: readonly SpecId[]): readonly Finding[] {
  return specIds
    .filter(({ id }, index) => specIds.findIndex((other) => other.id === id) !== index)
    .map(({ id, file, line }) => ({
      file,
      line,
      rule: RULE,
      whatToDo: `${id} is taken: use the next free number`,
    }));
}

function rowLetter({ id, file, line }: SpecId): Finding {
  const whatToDo = `${id} reads like a row of docs/rows.md: use another letter for this spec`;
  return { file, line, rule: RULE, whatToDo };
}

function uncited({ id, file, line }: SpecId): Finding {
  const whatToDo = `no test cites ${id}: write one and put ${id} into its title or a comment`;
  return { file, line, rule: RULE, whatToDo };
}

function prefixOf(id: string): string {
  return id.replace(/\d+$/, '');
}
