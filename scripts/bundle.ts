// `npm run bundle`: the `moult` program without a checkout, dist/moult/: the runtime, one script, its workers, and a
// small shell script. Building releases still wants a checkout; everything else works from a copy of the directory.

import { chmod, copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { bundleScript } from '../packages/release/src/build-script.ts';
import { ROOT_DIR } from './root.ts';

const OUT_DIR = join(ROOT_DIR, 'dist', 'moult');

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

const newDir = `${OUT_DIR}.new-${process.pid}`;
await rm(newDir, { recursive: true, force: true });
await mkdir(join(newDir, 'bin'), { recursive: true });
await mkdir(join(newDir, 'lib'));
try {
  for (const [name, entry] of Object.entries(SCRIPTS)) {
    await bundleScript({
      entryPath: join(ROOT_DIR, entry),
      outPath: join(newDir, 'lib', `${name}.cjs`),
      repositoryDir: ROOT_DIR,
      version: manifest.version,
    });
  }
  await copyFile(process.execPath, join(newDir, 'bin', 'node'));
  await writeFile(join(newDir, 'bin', 'moult'), PROGRAM);
  for (const name of ['node', 'moult']) await chmod(join(newDir, 'bin', name), 0o755);
  await copyFile(join(ROOT_DIR, 'LICENSE'), join(newDir, 'LICENSE'));
  await rm(OUT_DIR, { recursive: true, force: true });
  await rename(newDir, OUT_DIR);
} finally {
  await rm(newDir, { recursive: true, force: true });
}
process.stdout.write(`made ${OUT_DIR}: run ${join(OUT_DIR, 'bin', 'moult')}\n`);
