import { posix } from 'node:path';
import type { Finding } from './finding.ts';
import type { Project } from './project.ts';
import type { SourceFile } from './source-file.ts';

/**
 * Source files that production code never reaches: neither an export or bin of their package, nor imported by
 * another source file, nor named in a string of one or of a script (worker files, entries of a bundle).
 */
export function findOrphans(project: Project): readonly Finding[] {
  const reached = new Set(project.packages.flatMap(({ entries }) => entries));
  for (const file of project.sources) {
    for (const path of mentioned(file)) if (path !== file.path) reached.add(path);
  }
  for (const file of project.scripts) for (const path of mentioned(file)) reached.add(path);
  return project.sources
    .filter(({ path }) => !reached.has(path))
    .map(({ path }) => ({
      file: path,
      line: 1,
      rule: 'orphan',
      whatToDo: 'no source imports it: import it, export it in package.json, or delete it',
    }));
}

/** Paths of the checkout that a file names: relative to itself, or from the top. */
function mentioned(file: SourceFile): readonly string[] {
  const dir = posix.dirname(file.path);
  const strings = [...file.text.matchAll(/['"`]([^'"`\n]+\.tsx?)['"`]/g)].map(
    (match) => match[1] ?? '',
  );
  return strings.map((text) => (text.startsWith('.') ? posix.join(dir, text) : text));
}
