/* What people download: for each platform a bundled `moult` as one `.tar.gz` and as one `.deb`. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Platform } from '@moult/core/platform';
import type { Version } from '@moult/core/versions';
import { writeFileDurably } from '@moult/runtime/files';
import { DEB_ARCHITECTURES, debOf, debVersionOf } from './deb.ts';
import { tarballOf } from './tarball.ts';

export interface DistributionOptions {
  /** A bundled `moult`. */
  readonly treeDir: string;
  readonly outDir: string;
  readonly version: Version;
  readonly platform: Platform;
  /** Of every file in it, unless the build says another one in SOURCE_DATE_EPOCH. */
  readonly mtimeMs?: number;
  readonly compressionLevel?: number;
}

export interface Distributed {
  readonly path: string;
  readonly name: string;
  readonly sha256: string;
}

/** 1980-01-01: the earliest that every archiver takes without a word. Nothing reads it. */
export const MTIME_MS = 315_532_800_000;
const COMPRESSION_LEVEL = 6;

export async function writeTarball(options: DistributionOptions): Promise<Distributed> {
  const { treeDir, version, platform } = options;
  const name = `moult-${version}-${platform}`;
  const bytes = await tarballOf({ treeDir, name, ...archiveOf(options) });
  return await written(options.outDir, { name: `${name}.tar.gz`, bytes });
}

export async function writeDeb(options: DistributionOptions): Promise<Distributed> {
  const { treeDir, version, platform } = options;
  const bytes = await debOf({ treeDir, version, platform, ...archiveOf(options) });
  const name = `moult_${debVersionOf(version)}_${DEB_ARCHITECTURES[platform]}.deb`;
  return await written(options.outDir, { name, bytes });
}

function archiveOf(options: DistributionOptions): {
  readonly mtimeMs: number;
  readonly compressionLevel: number;
} {
  const { mtimeMs = MTIME_MS, compressionLevel = COMPRESSION_LEVEL } = options;
  return { mtimeMs, compressionLevel };
}

async function written(
  outDir: string,
  file: { readonly name: string; readonly bytes: Buffer },
): Promise<Distributed> {
  const { name, bytes } = file;
  const path = join(outDir, name);
  await writeFileDurably(path, bytes, { mode: 0o644 });
  return { path, name, sha256: createHash('sha256').update(bytes).digest('hex') };
}
