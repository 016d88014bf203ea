import { parseSync } from 'oxc-parser';

/** A TypeScript file of the project, read once and parsed once, for all rules. */
export interface SourceFile {
  /** Relative to the checkout, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and the contents of strings blanked; offsets and lines stay. */
  readonly code: string;
  /** Comments only, everything else blanked; offsets and lines stay. */
  readonly comments: string;
  readonly imports: readonly ImportedModule[];
  readonly exportedNames: readonly { readonly name: string; readonly offset: number }[];
}

export interface ImportedModule {
  /** As written: `./state.ts`, `@moult/core/upgrade`, `node:fs`. */
  readonly specifier: string;
  readonly offset: number;
}

/** Throws for a file that is not TypeScript: the checks before this one say so better. */
export function parseSourceFile(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text);
  const first = parsed.errors[0];
  if (first !== undefined) throw new Error(`${path}: ${first.message}`);
  const { staticImports, staticExports, dynamicImports } = parsed.module;
  const imports: ImportedModule[] = staticImports.map(({ moduleRequest }) => ({
    specifier: moduleRequest.value,
    offset: moduleRequest.start,
  }));
  for (const { entries } of staticExports) {
    for (const { moduleRequest } of entries) {
      if (moduleRequest === null) continue;
      imports.push({ specifier: moduleRequest.value, offset: moduleRequest.start });
    }
  }
  for (const { moduleRequest } of dynamicImports) {
    const specifier = literalText(text.slice(moduleRequest.start, moduleRequest.end));
    if (specifier !== null) imports.push({ specifier, offset: moduleRequest.start });
  }
  const exportedNames = staticExports
    .flatMap(({ entries }) => entries)
    .flatMap(({ exportName, start }) =>
      exportName.name === null
        ? []
        : [{ name: exportName.name, offset: exportName.start ?? start }],
    );
  const { code, comments } = separate(text, parsed.comments);
  return { path, text, code, comments, imports, exportedNames };
}

export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line += 1;
  }
  return line;
}

function literalText(source: string): string | null {
  return /^(['"`])([^'"`$]*)\1$/.exec(source)?.[2] ?? null;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function separate(
  text: string,
  spans: readonly Span[],
): { readonly code: string; readonly comments: string } {
  let code = '';
  let comments = '';
  let at = 0;
  for (const { start, end } of spans) {
    code += text.slice(at, start) + blank(text.slice(start, end));
    comments += blank(text.slice(at, start)) + text.slice(start, end);
    at = end;
  }
  code += text.slice(at);
  comments += blank(text.slice(at));
  return { code: blankStrings(code), comments };
}

/** Quoted strings only: a template holds code as well. A quote in a regular expression blanks at most its line. */
function blankStrings(code: string): string {
  return code.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, (literal) =>
    literal.length < 2 ? literal : `${literal[0]}${blank(literal.slice(1, -1))}${literal[0]}`,
  );
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}
