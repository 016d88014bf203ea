import { findBanned } from './banned.ts';
import { findUndecidedDependencies } from './decisions.ts';
import type { Finding } from './finding.ts';
import { findLockfileFaults } from './lockfile.ts';
import { findOrphans } from './orphans.ts';
import type { Project } from './project.ts';
import { findReferenceMismatches } from './references.ts';
import { findRowMismatches } from './rows.ts';
import { findSpecMismatches } from './spec-ids.ts';
import { findForeignWords } from './words.ts';

type Rule = (project: Project) => readonly Finding[];

/** What each rule holds, by name. Lengths of files and functions are Biome's (biome.json). */
export const RULES: Readonly<Record<string, Rule>> = {
  'package.json, tsconfig.json and imports name the same packages': findReferenceMismatches,
  'nothing banned is used': findBanned,
  'no source file is an orphan': findOrphans,
  'invariants of the specs and tests cite each other': findSpecMismatches,
  'rows that are called done have a test, and docs/proof.md is current': findRowMismatches,
  'exported names use the words of the glossary': findForeignWords,
  'the lockfile serves every platform and names no host': (project) =>
    findLockfileFaults(project.rootDir),
  'every dependency has a decision record': findUndecidedDependencies,
};
