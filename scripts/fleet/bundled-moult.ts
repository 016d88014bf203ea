/* The `moult` program without a checkout: the runtime, one script, its workers, and a small shell script. */
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { bundleScript } from '../../packages/release/src/build-script.ts';
import { ROOT_DIR } from '../root.ts';

/** Workers lie beside the script that starts them, under the names that the packages look for. */
const SCRIPTS: Readonly<Record<string, string>> = {
  moult: 'packages/cli/src/main.ts',
  'store-worker': 'packages/store/src/store-worker.ts',
  'trust-worker': 'packages/release/src/trust-worker.ts',
};

const PROGRAM = `#!/bin/sh
# The moult program with the runtime that it was built for.
set -eu
dir=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
exec "$dir/bin/node" "$dir/lib/moult.cjs" "$@"
`;

/** Into a directory that is not there yet; it can be moved and copied afterwards. */
export async function bundleMoult(dir: string): Promise<void> {
  await mkdir(join(dir, 'bin'), { recursive: true });
  await mkdir(join(dir, 'lib'));
  for (const [name, entry] of Object.entries(SCRIPTS)) {
    await bundleScript({
      entryPath: join(ROOT_DIR, entry),
      outPath: join(dir, 'lib', `${name}.cjs`),
      repositoryDir: ROOT_DIR,
      version: manifest.version,
    });
  }
  await copyFile(process.execPath, join(dir, 'bin', 'node'));
  await writeFile(programIn(dir), PROGRAM);
  for (const name of ['node', 'moult']) await chmod(join(dir, 'bin', name), 0o755);
  await copyFile(join(ROOT_DIR, 'LICENSE'), join(dir, 'LICENSE'));
}

export function programIn(dir: string): string {
  return join(dir, 'bin', 'moult');
}
