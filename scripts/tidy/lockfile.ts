// package-lock.json serves every platform and every registry: it must name the packages of other platforms,
// which an incomplete registry lets npm forget, and no host that packages came from.

import type { Finding } from './finding.ts';
import { readJson } from './project.ts';

const LOCK_PATH = 'package-lock.json';

interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export function findLockfileFaults(rootDir: string): readonly Finding[] {
  const { packages } = readJson<Lock>(rootDir, LOCK_PATH);
  const findings: Finding[] = [];
  const add = (file: string, whatToDo: string): void => {
    findings.push({ file, line: 1, rule: 'lockfile', whatToDo });
  };
  for (const [place, locked] of Object.entries(packages)) {
    if (locked.resolved !== undefined && locked.link !== true) {
      add(LOCK_PATH, `${place} says where it came from: install with the checkout's .npmrc`);
    }
    for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
      if (isLocked(packages, place, name)) continue;
      add(
        LOCK_PATH,
        `${place} has the optional ${name}@${version}, and the lock has no entry for it`,
      );
    }
    if (place.startsWith('node_modules/')) continue;
    for (const [name, version] of exactables(locked)) {
      if (/^\d/.test(version)) continue;
      add(
        `${place}${place === '' ? '' : '/'}package.json`,
        `${name}@${version}: pin the exact version`,
      );
    }
  }
  return findings;
}

function exactables(locked: LockedPackage): readonly (readonly [string, string])[] {
  return [locked.dependencies, locked.devDependencies, locked.optionalDependencies].flatMap(
    (group) => Object.entries(group ?? {}),
  );
}

/** As Node resolves: beside the package, then ever further up. */
function isLocked(packages: Lock['packages'], place: string, name: string): boolean {
  for (let base = place; ; ) {
    if (Object.hasOwn(packages, `${base}${base === '' ? '' : '/'}node_modules/${name}`))
      return true;
    if (base === '') return false;
    const cut = base.lastIndexOf('/node_modules/');
    base = cut === -1 ? '' : base.slice(0, cut);
  }
}
