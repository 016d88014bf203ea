import type { Finding } from './finding.ts';
import { type Project, readTextIfPresent } from './project.ts';
import { lineOf } from './source-file.ts';

const GLOSSARY_PATH = 'docs/glossary.md';

/** Exported names that use a word which the glossary replaces by another one. */
export function findForeignWords(project: Project): readonly Finding[] {
  const { words, finding } = readCheckedWords(project.rootDir);
  if (finding !== null) return [finding];
  return project.sources.flatMap((file) =>
    file.exportedNames.flatMap(({ name, offset }) => {
      const foreign = wordsOf(name).find(
        (word) => words.has(word) || words.has(word.replace(/s$/, '')),
      );
      if (foreign === undefined) return [];
      const whatToDo = `${name}: "${foreign}" is not one of our words, ${GLOSSARY_PATH} has the one to use`;
      return [{ file: file.path, line: lineOf(file.text, offset), rule: 'words', whatToDo }];
    }),
  );
}

/** The line at the glossary's end: `... are checked in exported names: a, b, c.` */
function readCheckedWords(rootDir: string): {
  readonly words: ReadonlySet<string>;
  readonly finding: Finding | null;
} {
  const text = readTextIfPresent(rootDir, GLOSSARY_PATH) ?? '';
  const list = /checked in exported names: ([^.]+)\./.exec(text)?.[1];
  if (list === undefined) {
    const whatToDo =
      'needs the line "... checked in exported names: word, word." that this check reads';
    return { words: new Set(), finding: { file: GLOSSARY_PATH, line: 1, rule: 'words', whatToDo } };
  }
  return { words: new Set(list.split(',').map((word) => word.trim())), finding: null };
}

/** `nodeVersionOf` and `NODE_VERSION` alike. */
function wordsOf(name: string): readonly string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[ _$]/)
    .map((word) => word.toLowerCase());
}
