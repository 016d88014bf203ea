/*
 * The `moult` program without a checkout: the runtime, its scripts, a small shell script, licences and documentation.
 * It can be moved and copied, and depends on its sources alone.
 */
import { chmod, copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Platform } from '@moult/core/platform';
import type { Version } from '@moult/core/versions';
import manifest from '../../package.json' with { type: 'json' };
import { noticesOf } from '../../packages/release/src/build-notices.ts';
import { runtimeOf } from '../../packages/release/src/build-runtime.ts';
import { bundleScript } from '../../packages/release/src/build-script.ts';
import { ROOT_DIR } from '../root.ts';
import { CACHE_DIR, HERE } from './releases.ts';

/** Workers lie beside the script that starts them, under the names that the packages look for. */
const SCRIPTS: Readonly<Record<string, string>> = {
  begin: 'packages/cli/src/begin.ts',
  moult: 'packages/cli/src/main.ts',
  'store-worker': 'packages/store/src/store-worker.ts',
  'trust-worker': 'packages/release/src/trust-worker.ts',
};

const PROGRAM = `#!/bin/sh
# The moult program with the runtime that it was built for.
set -eu
dir=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
exec "$dir/bin/node" "$dir/lib/begin.cjs" "$@"
`;

/** What it says of itself, and what it names in its documentation. */
const PAPERS = ['LICENSE', 'README.md', 'CHANGELOG.md', 'docs'];

export interface BundleOptions {
  readonly platform?: Platform;
  readonly version?: Version;
  readonly onNotice?: (line: string) => void;
}

/** Version of this checkout. */
export const MOULT_VERSION: Version = manifest.version;

/** Into a directory that is empty or not there yet. Throws `runtime-unavailable` for a platform whose runtime cannot be had. */
export async function bundleMoult(dir: string, options: BundleOptions = {}): Promise<void> {
  const { platform = HERE, version = MOULT_VERSION, onNotice } = options;
  await mkdir(join(dir, 'bin'), { recursive: true });
  await mkdir(join(dir, 'lib'));
  const runtime = await runtimeOf({
    platform,
    repositoryDir: ROOT_DIR,
    cacheDir: join(CACHE_DIR, 'runtimes'),
    ...(onNotice === undefined ? {} : { onNotice }),
  });
  await copyFile(runtime.programPath, join(dir, 'bin', 'node'));
  await copyFile(runtime.licensePath, join(dir, 'LICENSE.node'));
  const packages = new Set<string>();
  for (const [name, entry] of Object.entries(SCRIPTS)) {
    const { packageDirs } = await bundleScript({
      entryPath: join(ROOT_DIR, entry),
      outPath: join(dir, 'lib', `${name}.cjs`),
      repositoryDir: ROOT_DIR,
      version,
    });
    for (const packageDir of packageDirs) packages.add(packageDir);
  }
  await writeFile(join(dir, 'NOTICES'), await noticesOf([...packages]));
  await writeFile(programIn(dir), PROGRAM);
  for (const name of ['node', 'moult']) await chmod(join(dir, 'bin', name), 0o755);
  for (const name of PAPERS) await cp(join(ROOT_DIR, name), join(dir, name), { recursive: true });
}

export function programIn(dir: string): string {
  return join(dir, 'bin', 'moult');
}
