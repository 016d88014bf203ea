// A package's dependencies on other packages are said three times, in package.json (npm), tsconfig.json (tsc)
// and in the imports. All three must be the same. Which package may depend on which is in biome.json, whose
// import rules hold for the imports and therefore, by this rule, for the other two.

import type { Finding } from './finding.ts';
import { type PackageInfo, type Project, readJson } from './project.ts';

const SCOPE = '@moult/';
const RULE = 'references';

export function findReferenceMismatches(project: Project): readonly Finding[] {
  const guarded = guardedPackages(project.rootDir);
  return project.packages.flatMap((info) => [
    ...(guarded.has(info.name) ? [] : [unguarded(info)]),
    ...mismatches(project, info),
  ]);
}

function mismatches(project: Project, info: PackageInfo): readonly Finding[] {
  const dir = `packages/${info.name}/`;
  const sources = project.sources.filter(({ path }) => path.startsWith(dir));
  // A package that nobody has begun has declared what it is going to need.
  if (sources.length === 0) return [];
  const imported = new Set(
    sources
      .flatMap(({ imports }) => imports.map(({ specifier }) => packageOf(specifier) ?? []))
      .flat(),
  );
  const declared = new Set(
    info.dependencies
      .filter((name) => name.startsWith(SCOPE))
      .map((name) => name.slice(SCOPE.length)),
  );
  const referenced = new Set(info.references);
  const findings: Finding[] = [];
  const add = (file: string, whatToDo: string): void => {
    findings.push({ file: dir + file, line: 1, rule: RULE, whatToDo });
  };
  for (const name of new Set([...imported, ...declared, ...referenced])) {
    const whole = SCOPE + name;
    if (!imported.has(name)) {
      if (declared.has(name))
        add('package.json', `nothing in src imports ${whole}: remove the dependency`);
      if (referenced.has(name))
        add('tsconfig.json', `nothing in src imports ${whole}: remove the reference`);
      continue;
    }
    if (!declared.has(name)) add('package.json', `src imports ${whole}: add it to dependencies`);
    if (!referenced.has(name))
      add('tsconfig.json', `src imports ${whole}: add {"path": "../${name}"}`);
  }
  return findings;
}

function packageOf(specifier: string): string | null {
  if (!specifier.startsWith(SCOPE)) return null;
  return specifier.slice(SCOPE.length).split('/')[0] ?? null;
}

function unguarded(info: PackageInfo): Finding {
  return {
    file: 'biome.json',
    line: 1,
    rule: RULE,
    whatToDo: `add an override for packages/${info.name}/src/** that says which packages it may import`,
  };
}

interface BiomeOverride {
  readonly includes: readonly string[];
  readonly linter?: {
    readonly rules?: { readonly style?: { readonly noRestrictedImports?: unknown } };
  };
}

function guardedPackages(rootDir: string): ReadonlySet<string> {
  const { overrides } = readJson<{ readonly overrides: readonly BiomeOverride[] }>(
    rootDir,
    'biome.json',
  );
  const includes = overrides
    .filter((override) => override.linter?.rules?.style?.noRestrictedImports !== undefined)
    .flatMap((override) => override.includes);
  return new Set(
    includes.flatMap((glob) => /^packages\/([a-z-]+)\/src\/\*\*$/.exec(glob)?.[1] ?? []),
  );
}
