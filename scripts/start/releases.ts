// The releases that the demo needs, built once for these sources: the second start builds nothing.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { madeOnce } from '../fleet/made-once.ts';
import { buildPack, HERE, type ReleaseSpec } from '../fleet/releases.ts';

interface DemoRelease extends ReleaseSpec {
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
  entry: 'test/fixtures/crash-at-start-when-it-serves.ts',
  is: 'one that crashes when it serves',
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

export type PackPathOf = (release: DemoRelease) => string;

export async function demoPacks(options: {
  readonly signal: AbortSignal;
  readonly onBuild: (release: DemoRelease) => void;
}): Promise<{ readonly packPathOf: PackPathOf; readonly isNew: boolean }> {
  const { dir, isNew } = await madeOnce('demo', async (outDir) => {
    for (const release of DEMO_RELEASES) {
      options.signal.throwIfAborted();
      options.onBuild(release);
      const { treeDir } = await buildPack({ spec: release, outDir });
      // The pack has all of it.
      await rm(treeDir, { recursive: true });
    }
  });
  const packPathOf: PackPathOf = ({ component, version }) =>
    join(dir, `${component}-${version}-${HERE}.tar.gz`);
  return { packPathOf, isNew };
}
