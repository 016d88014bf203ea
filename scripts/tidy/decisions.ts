import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './finding.ts';
import { type Project, readJson, readTextIfPresent } from './project.ts';

const DECISIONS_DIR = 'docs/decisions';

/** Given with the project's first issue; docs/decisions/0001-*.md says why. */
const FIRST_RECORD = /^0001-/;

/** Every dependency is named, as `name`, in a decision record. */
export function findUndecidedDependencies(project: Project): readonly Finding[] {
  const names = readdirSync(join(project.rootDir, DECISIONS_DIR)).filter((name) =>
    /^\d{4}-[a-z0-9-]+\.md$/.test(name),
  );
  const text = names
    .map((name) => readTextIfPresent(project.rootDir, `${DECISIONS_DIR}/${name}`))
    .join('\n');
  const findings: Finding[] = [];
  if (!names.some((name) => FIRST_RECORD.test(name))) {
    findings.push({
      file: DECISIONS_DIR,
      line: 1,
      rule: 'decisions',
      whatToDo: 'write 0001-dependencies.md',
    });
  }
  for (const { file, dependencies } of manifests(project)) {
    for (const name of dependencies) {
      if (text.includes(`\`${name}\``)) continue;
      const whatToDo = `${name} is in no decision record: write ${DECISIONS_DIR}/NNNN-${name.replace(/\W+/g, '-')}.md`;
      findings.push({ file, line: 1, rule: 'decisions', whatToDo });
    }
  }
  return findings;
}

function manifests(
  project: Project,
): readonly { readonly file: string; readonly dependencies: readonly string[] }[] {
  const root = readJson<Record<string, Record<string, string> | undefined>>(
    project.rootDir,
    'package.json',
  );
  const ofRoot = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((group) =>
    Object.keys(root[group] ?? {}),
  );
  return [
    { file: 'package.json', dependencies: ofRoot },
    ...project.packages.map(({ name, dependencies }) => ({
      file: `packages/${name}/package.json`,
      dependencies: dependencies.filter((dependency) => !dependency.startsWith('@moult/')),
    })),
  ];
}
