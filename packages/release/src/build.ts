/*
 * Builds a release for one platform: the runtime, one bundled script (for the agent a second one for the trust
 * worker), notices, the manifest, and the pack. Its bytes depend on the sources, the versions of what is bundled and
 * the options alone: two builds of one commit give one digest (RL5). No compile cache: its bytes differ each time.
 */
import { chmod, copyFile, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import {
  encodeManifest,
  MANIFEST_LIMITS,
  MANIFEST_PATH,
  type Manifest,
  type ManifestFile,
  parseManifest,
} from '@moult/core/manifest';
import type { Platform } from '@moult/core/platform';
import { isVersion, type Version } from '@moult/core/versions';
import { withFile } from './blob-store.ts';
import { noticesOf } from './build-notices.ts';
import { type Runtime, runtimeOf } from './build-runtime.ts';
import { bundleScript } from './build-script.ts';
import { digestOf, sha256Of } from './digest.ts';
import { writePack } from './pack-write.ts';

export type { Runtime } from './build-runtime.ts';

export interface BuildOptions {
  readonly component: Component;
  readonly version: Version;
  readonly platform: Platform;
  /** The root of the checkout: default entries, node_modules and LICENSE are found from it. */
  readonly repositoryDir: string;
  /** Instead of the component's own `src/main.ts`. */
  readonly entryPath?: string;
  /** Instead of the runtime that releases ship: a program that runs scripts as it does. */
  readonly runtime?: Runtime;
  /** More scripts by name, `lib/<name>.cjs`; the agent's default is the trust worker. */
  readonly workerEntries?: Readonly<Record<string, string>>;
  readonly outDir: string;
  /** Keeps runtimes that were fetched. */
  readonly cacheDir: string;
  readonly minimumLauncher?: Version | null;
  readonly stateSchema?: number;
  readonly readableSince?: number;
  readonly probationMs?: number;
  readonly irreversible?: boolean;
  readonly compressionLevel?: number;
  /** False: only the tree, for those who import it with `importTree`. */
  readonly pack?: boolean;
  readonly signal?: AbortSignal;
  /** Told what takes long, in one line. */
  readonly onNotice?: (line: string) => void;
}

export interface BuiltRelease {
  readonly manifest: Manifest;
  /** sha256 of manifest.json. */
  readonly digest: string;
  readonly manifestBytes: Buffer;
  readonly treeDir: string;
  /** Null when no pack was wanted. */
  readonly packPath: string | null;
}

const PROBATION_MS = 60_000;

/** Throws `build-failed` with what the bundler says, `runtime-unavailable`, or `manifest-invalid` for options that fit no manifest. */
export async function buildRelease(options: BuildOptions): Promise<BuiltRelease> {
  const { component, version, platform } = options;
  if (!isVersion(version)) throw new CodedError('manifest-invalid', `not a version: ${version}`);
  const name = `${component}-${version}-${platform}`;
  const treeDir = join(options.outDir, name);
  await rm(treeDir, { recursive: true, force: true });
  await mkdir(join(treeDir, 'lib'), { recursive: true });
  const runtime = options.runtime ?? (await runtimeOf(options));
  const script = `lib/${component}.cjs`;
  const scripts = { [component]: entryOf(options), ...workersOf(options) };
  const packages = new Set<string>();
  for (const [scriptName, entryPath] of Object.entries(scripts)) {
    const bundled = await bundleScript({
      entryPath,
      outPath: join(treeDir, 'lib', `${scriptName}.cjs`),
      repositoryDir: options.repositoryDir,
      version,
    });
    for (const dir of bundled.packageDirs) packages.add(dir);
  }
  await mkdir(join(treeDir, 'bin'));
  await copyFile(runtime.programPath, join(treeDir, 'bin', 'node'));
  await copyFile(runtime.licensePath, join(treeDir, 'LICENSE.node'));
  await copyFile(join(options.repositoryDir, 'LICENSE'), join(treeDir, 'LICENSE'));
  await writeFile(join(treeDir, 'NOTICES'), await noticesOf([...packages]));
  const paths = [
    'LICENSE',
    'LICENSE.node',
    'NOTICES',
    'bin/node',
    ...Object.keys(scripts).map((scriptName) => `lib/${scriptName}.cjs`),
  ].sort();
  const text = encodeManifest({
    format: 1,
    component,
    version,
    platform,
    program: 'bin/node',
    script,
    files: await Promise.all(paths.map((path) => manifestFile(treeDir, path))),
    minimumLauncher: options.minimumLauncher ?? null,
    stateSchema: options.stateSchema ?? 1,
    readableSince: options.readableSince ?? 1,
    probationMs: options.probationMs ?? PROBATION_MS,
    irreversible: options.irreversible ?? false,
    rehearses: component === 'agent',
  });
  const manifest = parseManifest(text);
  await writeFile(join(treeDir, MANIFEST_PATH), text, { mode: 0o644 });
  await chmod(join(treeDir, MANIFEST_PATH), 0o644);
  const packPath = options.pack === false ? null : join(options.outDir, `${name}.tar.gz`);
  if (packPath !== null) {
    const level = options.compressionLevel;
    await writePack({
      treeDir,
      manifest,
      packPath,
      ...(level === undefined ? {} : { compressionLevel: level }),
    });
  }
  return { manifest, digest: sha256Of(text), manifestBytes: Buffer.from(text), treeDir, packPath };
}

/** Where a component's own entry lies in the checkout. */
export function defaultEntryOf(repositoryDir: string, component: Component): string {
  return join(repositoryDir, 'packages', component, 'src', 'main.ts');
}

function entryOf(options: BuildOptions): string {
  return options.entryPath ?? defaultEntryOf(options.repositoryDir, options.component);
}

function workersOf(options: BuildOptions): Readonly<Record<string, string>> {
  if (options.workerEntries !== undefined) return options.workerEntries;
  if (options.component !== 'agent') return {};
  return { 'trust-worker': join(options.repositoryDir, 'packages/release/src/trust-worker.ts') };
}

async function manifestFile(treeDir: string, path: string): Promise<ManifestFile> {
  const executable = dirname(path) === 'bin';
  const filePath = join(treeDir, path);
  // Set apart from the builder's umask.
  await chmod(filePath, executable ? 0o755 : 0o644);
  const { sha256, length } = await withFile(open(filePath, 'r'), (file) =>
    digestOf(file, MANIFEST_LIMITS.fileBytesMax),
  );
  return { path, sha256, length, executable };
}
