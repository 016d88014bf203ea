import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Component } from '@moult/core/component';
import { encodeManifest, type Manifest, parseManifest } from '@moult/core/manifest';
import type { Platform } from '@moult/core/platform';
import { afterAll } from 'vitest';
import { sha256Of } from '../../src/digest.ts';

/** A directory of its own, removed when the test file is done. The blank is on purpose. */
export async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'moult release '));
  afterAll(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export interface SmallRelease {
  readonly manifest: Manifest;
  readonly manifestBytes: Buffer;
  readonly digest: string;
  readonly treeDir: string;
}

export interface SmallReleaseOptions {
  readonly dir: string;
  readonly component?: Component;
  readonly version: string;
  readonly platform?: Platform;
  /** Content by path; `bin/node` and the script are there by themselves. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A release with a few small files instead of a runtime. */
export async function smallRelease(options: SmallReleaseOptions): Promise<SmallRelease> {
  const { component = 'agent', version, platform = 'linux-x64' } = options;
  const script = `lib/${component}.cjs`;
  const files: Readonly<Record<string, string>> = {
    'bin/node': 'the runtime, shared by every version\n'.repeat(500),
    [script]: `console.log('${component} ${version}')\n`,
    LICENSE: 'Apache-2.0\n',
    ...options.files,
  };
  const treeDir = join(options.dir, `${component}-${version}-${platform}`);
  for (const [path, text] of Object.entries(files)) {
    const isProgram = path.startsWith('bin/');
    await mkdir(dirname(join(treeDir, path)), { recursive: true });
    await writeFile(join(treeDir, path), text, { mode: isProgram ? 0o755 : 0o644 });
  }
  const text = encodeManifest({
    format: 1,
    component,
    version,
    platform,
    program: 'bin/node',
    script,
    files: Object.entries(files)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, content]) => ({
        path,
        sha256: sha256Of(content),
        length: Buffer.byteLength(content),
        executable: path.startsWith('bin/'),
      })),
    minimumLauncher: null,
    stateSchema: 1,
    readableSince: 1,
    probationMs: 60_000,
    irreversible: false,
    rehearses: false,
  });
  await writeFile(join(treeDir, 'manifest.json'), text);
  return {
    manifest: parseManifest(text),
    manifestBytes: Buffer.from(text),
    digest: sha256Of(text),
    treeDir,
  };
}
