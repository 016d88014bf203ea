// `npm run bundle`: the `moult` program without a checkout, dist/moult/, and what people download: for each platform a
// `.tar.gz` and a `.deb`, with their hashes in dist/SHA256SUMS. `-- --platform linux-x64` for one platform only.
// Building releases still wants a checkout; everything else works from a copy.

import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CodedError } from '@moult/core/errors';
import { isPlatform, PLATFORMS, type Platform } from '@moult/core/platform';
import { type Distributed, MTIME_MS, writeDeb, writeTarball } from './bundle/distribution.ts';
import { bundleMoult, MOULT_VERSION, programIn } from './fleet/bundled-moult.ts';
import { HERE } from './fleet/releases.ts';
import { ROOT_DIR } from './root.ts';

const DIST_DIR = join(ROOT_DIR, 'dist');
const OUT_DIR = join(DIST_DIR, 'moult');

const files: Distributed[] = [];
for (const platform of wantedPlatforms()) {
  try {
    files.push(...(await distribute(platform)));
  } catch (error) {
    // Without a registry only this machine's own runtime is there; what can be made is made.
    if (!(error instanceof CodedError) || error.code !== 'runtime-unavailable') throw error;
    say(`nothing made for ${platform}: ${error.message}. ${error.remedy}`);
    process.exitCode = 1;
  }
}
const sums = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`);
await writeFile(join(DIST_DIR, 'SHA256SUMS'), sums.join(''));
for (const { path } of files) say(`made ${path}`);

/** This machine's own is dist/moult/, too. */
async function distribute(platform: Platform): Promise<readonly Distributed[]> {
  const treeDir = `${OUT_DIR}.${platform}.${process.pid}`;
  await rm(treeDir, { recursive: true, force: true });
  try {
    await bundleMoult(treeDir, { platform, onNotice: say });
    const options = {
      ...{ treeDir, outDir: DIST_DIR, version: MOULT_VERSION, platform },
      mtimeMs: mtimeMs(),
    };
    const made = [await writeTarball(options), await writeDeb(options)];
    if (platform !== HERE) return made;
    await rm(OUT_DIR, { recursive: true, force: true });
    await rename(treeDir, OUT_DIR);
    say(`made ${OUT_DIR}: run ${programIn(OUT_DIR)}`);
    return made;
  } finally {
    await rm(treeDir, { recursive: true, force: true });
  }
}

function wantedPlatforms(): readonly Platform[] {
  const { values } = parseArgs({ options: { platform: { type: 'string', multiple: true } } });
  const named = values.platform ?? PLATFORMS;
  return named.map((name) => {
    if (isPlatform(name)) return name;
    throw new Error(`no release is made for ${name}: choose among ${PLATFORMS.join(', ')}`);
  });
}

/** The convention of reproducible builds: seconds. */
function mtimeMs(): number {
  const seconds = Number(process.env['SOURCE_DATE_EPOCH'] ?? Number.NaN);
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds * 1_000 : MTIME_MS;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
