// The releases that the demo needs, built by the real program and kept by the content of all that goes into them:
// the second start builds nothing.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Moult } from './moult.ts';

export interface DemoRelease {
  readonly component: 'agent' | 'launcher';
  readonly version: string;
  /** Another entry than the component's own, from the top of the checkout. */
  readonly entry?: string;
  readonly is: string;
}

export const FIRST_RELEASE: DemoRelease = { component: 'agent', version: '1.0.0', is: 'the first' };
export const SECOND_RELEASE: DemoRelease = {
  component: 'agent',
  version: '1.1.0',
  is: 'the second',
};
export const CRASHING_RELEASE: DemoRelease = {
  component: 'agent',
  version: '1.2.0',
  entry: 'test/fixtures/crash-at-start.ts',
  is: 'one that crashes at start',
};
export const LAUNCHER_RELEASE: DemoRelease = {
  component: 'launcher',
  version: '1.0.0',
  is: 'the launcher',
};

export const DEMO_RELEASES: readonly DemoRelease[] = [
  FIRST_RELEASE,
  SECOND_RELEASE,
  CRASHING_RELEASE,
  LAUNCHER_RELEASE,
];

/** Quick to watch; the shortest that a release may say. */
const PROBATION = '5s';
/** The packs travel over loopback only. */
const COMPRESSION = '1';
const PLATFORM = `${process.platform}-${process.arch}`;

export async function demoPacks(options: {
  readonly checkoutDir: string;
  readonly moult: Moult;
  readonly onBuild: (release: DemoRelease) => void;
}): Promise<{ readonly pathOf: (release: DemoRelease) => string; readonly isNew: boolean }> {
  const { checkoutDir, moult } = options;
  const cacheDir = join(checkoutDir, '.cache', 'demo-releases');
  const dir = join(cacheDir, contentKey(checkoutDir));
  const pathOf = (release: DemoRelease) => join(dir, packNameOf(release));
  if (existsSync(dir)) return { pathOf, isNew: false };
  mkdirSync(cacheDir, { recursive: true });
  // Beside its final place, and moved there whole: a demo that is ended in the middle leaves no half of it.
  const buildDir = join(cacheDir, `build-${process.pid}`);
  try {
    for (const release of DEMO_RELEASES) {
      options.onBuild(release);
      await moult.done([
        ...['release', 'build', '--repository', checkoutDir, '--out', buildDir],
        ...['--component', release.component, '--version', release.version],
        ...['--probation', PROBATION, '--compression', COMPRESSION],
        ...(release.entry === undefined ? [] : ['--entry', join(checkoutDir, release.entry)]),
      ]);
      // The pack has all of it.
      rmSync(join(buildDir, packNameOf(release).replace('.tar.gz', '')), { recursive: true });
    }
    removeOthers(cacheDir, dir);
    moveIntoPlace(buildDir, dir);
  } finally {
    rmSync(buildDir, { recursive: true, force: true });
  }
  return { pathOf, isNew: true };
}

function packNameOf(release: DemoRelease): string {
  return `${release.component}-${release.version}-${PLATFORM}.tar.gz`;
}

function moveIntoPlace(buildDir: string, dir: string): void {
  try {
    renameSync(buildDir, dir);
  } catch (error) {
    // Another demo was quicker.
    if (!existsSync(dir)) throw error;
  }
}

/** Of older contents; a demo that publishes from them has read them into its coordinator within seconds. */
function removeOthers(cacheDir: string, dir: string): void {
  for (const name of readdirSync(cacheDir)) {
    const path = join(cacheDir, name);
    if (path !== dir && /^[0-9a-f]{16}$/.test(name)) rmSync(path, { recursive: true, force: true });
  }
}

/** Changes with everything that could change a release. */
function contentKey(checkoutDir: string): string {
  const hash = createHash('sha256').update(JSON.stringify(DEMO_RELEASES));
  const files = ['package-lock.json', ...DEMO_RELEASES.flatMap(({ entry }) => entry ?? [])];
  for (const name of readdirSync(join(checkoutDir, 'packages'))) {
    const sourceDir = join('packages', name, 'src');
    if (!existsSync(join(checkoutDir, sourceDir))) continue;
    for (const path of readdirSync(join(checkoutDir, sourceDir), {
      recursive: true,
      encoding: 'utf8',
    })) {
      if (/\.(ts|js|json)$/.test(path)) files.push(join(sourceDir, path));
    }
  }
  for (const path of files.sort()) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(checkoutDir, path)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}
