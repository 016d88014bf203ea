/*
 * Releases for demonstrations, tests and benchmarks: built from this checkout by the code behind `moult release build`,
 * with a short probation. Packs are barely compressed, or not at all: they travel over the loopback only.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Component } from '@moult/core/component';
import { type Platform, platformOf } from '@moult/core/platform';
import { type BuiltRelease, buildRelease, type Runtime } from '@moult/release/build';
import { ROOT_DIR } from '../root.ts';

export interface ReleaseSpec {
  readonly component: Component;
  readonly version: string;
  /** From the top of the checkout; the component's own entry unless given. */
  readonly entry?: string;
  readonly probationMs?: number;
  readonly minimumLauncher?: string;
  /** It calls the runtime of this checkout, instead of carrying a hundred megabytes of its own. */
  readonly borrowsRuntime?: boolean;
}

export type BuiltPack = BuiltRelease & { readonly spec: ReleaseSpec; readonly packPath: string };

/** Shortest that a manifest may ask for: whoever watches does not want to wait. */
const PROBATION_MS = 5_000;
/** Of packs that are kept. */
const COMPRESSION_LEVEL = 1;
/** Kept between runs, like everything below: git ignores it. */
export const CACHE_DIR: string = join(ROOT_DIR, '.cache');

/** Of the package: a unit hides the checkout from its service where that lies under /tmp. */
const INSTALLED_RUNTIME_PATH = '/usr/lib/moult/bin/node';

export const HERE: Platform = platformHere();

export async function buildPack(options: {
  readonly spec: ReleaseSpec;
  readonly outDir: string;
  /** 0 for a pack that is gone in a moment: not to compress takes a third of the time. */
  readonly compressionLevel?: number;
  readonly onNotice?: (line: string) => void;
}): Promise<BuiltPack> {
  const { spec, outDir, compressionLevel = COMPRESSION_LEVEL, onNotice } = options;
  const built = await buildRelease({
    component: spec.component,
    version: spec.version,
    platform: HERE,
    repositoryDir: ROOT_DIR,
    ...(spec.entry === undefined ? {} : { entryPath: join(ROOT_DIR, spec.entry) }),
    outDir,
    cacheDir: join(CACHE_DIR, 'runtimes'),
    probationMs: spec.probationMs ?? PROBATION_MS,
    minimumLauncher: spec.minimumLauncher ?? null,
    compressionLevel,
    ...(spec.borrowsRuntime === true ? { runtime: await borrowedRuntime(outDir) } : {}),
    ...(onNotice === undefined ? {} : { onNotice }),
  });
  if (built.packPath === null) throw new Error(`no pack was written for ${spec.version}`);
  return { ...built, spec, packPath: built.packPath };
}

async function borrowedRuntime(dir: string): Promise<Runtime> {
  const ownDir = join(ROOT_DIR, 'node_modules', `node-${HERE}`);
  const ownPath = join(ownDir, 'bin', 'node');
  const programPath = join(dir, 'borrowed-runtime');
  await mkdir(dir, { recursive: true });
  const text = `#!/bin/sh
if [ -x '${ownPath}' ]; then exec '${ownPath}' "$@"; else exec ${INSTALLED_RUNTIME_PATH} "$@"; fi
`;
  await writeFile(programPath, text, { mode: 0o755 });
  return { programPath, licensePath: join(ownDir, 'LICENSE') };
}

function platformHere(): Platform {
  const platform = platformOf({ os: process.platform, arch: process.arch });
  if (platform === null)
    throw new Error(`no release is made for ${process.platform}-${process.arch}`);
  return platform;
}
