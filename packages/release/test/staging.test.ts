import { chmod, copyFile, lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { versionsDirOf } from '@moult/core/layout';
import { describe, expect, test } from 'vitest';
import { type Staged, stageSlot, verifySlot } from '../src/slot.ts';
import type { VerifiedManifest } from '../src/trust-client.ts';
import { StillClock } from './support/clock.ts';
import type { SmallRelease } from './support/release-tree.ts';
import { type Host, newHost, startWorld, type World } from './support/world.ts';

async function verified(host: Host, release: SmallRelease): Promise<VerifiedManifest> {
  const { component, version, platform } = release.manifest;
  return host.trust.manifest({ component, version, platform });
}

interface StageMore {
  readonly signal?: AbortSignal;
  readonly clock?: StillClock;
  readonly onProgress?: () => void;
}

async function stage(world: World, host: Host, release: SmallRelease, more: StageMore = {}): Promise<Staged> {
  const manifest = await verified(host, release);
  return stageVerified(world, host, manifest, more);
}

function stageVerified(world: World, host: Host, manifest: VerifiedManifest, more: StageMore = {}): Promise<Staged> {
  return stageSlot({
    manifest,
    layout: host.layout,
    baseUrl: world.baseUrl,
    ca: null,
    clock: world.clock,
    signal: new AbortController().signal,
    ...more,
  });
}

function blobRequests(world: World): readonly { readonly path: string; readonly range: string | null }[] {
  return world.requests.filter(({ path }) => path.startsWith('/blobs/'));
}

describe('staging a slot', () => {
  test('a published release becomes a sound slot, file by file (RL30)', async () => {
    const world = await startWorld();
    const host = await newHost(world);
    const release = await world.release({ version: '1.0.0' });
    const staged = await stage(world, host, release);
    expect(staged.slot).toEqual({ version: '1.0.0', digest: release.digest, dir: `1.0.0-${release.digest.slice(0, 8)}` });
    expect(staged).toMatchObject({ isReused: false, blobsFetched: 3, blobsLinked: 0 });
    expect(await verifySlot({ dir: staged.slotDir, digest: release.digest })).toMatchObject({ kind: 'sound' });
    expect((await stat(join(staged.slotDir, 'bin/node'))).mode & 0o777).toBe(0o755);
    expect((await readdir(host.layout.stagingDir)).sort()).toEqual(['partial']);
    expect(await readdir(join(host.layout.stagingDir, 'partial'))).toEqual([]);
  });
});
