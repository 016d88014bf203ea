/*
 * The first installation: slots of agent and launcher, staged as an upgrade would stage them; a real copy of the
 * launcher as the first launcher, which no upgrade ever touches; and the link from which a launcher without a
 * record boots. Everything may be repeated: what is there and right is left alone.
 */
import { randomUUID } from 'node:crypto';
import { cp, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Slot } from '@moult/core/boot';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { type Layout, linkPathOf, versionsDirOf } from '@moult/core/layout';
import type { Version } from '@moult/core/versions';
import { type DropEvent, stageSlot } from '@moult/release/slot';
import { TrustClient } from '@moult/release/trust-client';
import { systemClock } from '@moult/runtime/clock';
import {
  linkDurably,
  makeDirectoryDurably,
  readTextIfPresent,
  syncDirectory,
} from '@moult/runtime/files';
import { baseUrlOf } from '../address.ts';
import { readAgentConfig } from '../config/agent-config.ts';
import { ownPlatform } from '../host/self.ts';
import { trustWorkerPath } from '../host/trust.ts';
import { createReadWay } from '../host/way.ts';

export interface FirstInstallation {
  readonly layout: Layout;
  readonly releases: readonly { readonly component: Component; readonly version: Version }[];
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: {
    readonly component: Component;
    readonly bytesDone: number;
    readonly bytesTotal: number;
  }) => void;
  /** Of blobs that were carried to this host by hand. */
  readonly onDrop?: (event: DropEvent) => void;
}

/** Gives the slots. Throws `trust-…`, `release-…`, `fetch-…`, `disk-…`; and `not-enrolled` before enrollment. */
export async function installFirst(
  options: FirstInstallation,
): Promise<Readonly<Record<Component, Slot>>> {
  const { layout, signal } = options;
  const config = await readAgentConfig({ layout, environment: () => null });
  const baseUrl = baseUrlOf(config.coordinator);
  const way = createReadWay(layout, config.proxy);
  const trust = new TrustClient({
    trustDir: layout.trustDir,
    pinnedRootPath: layout.pinnedRootPath,
    baseUrl,
    way,
    workerPath: trustWorkerPath(),
    clock: systemClock,
  });
  const stage = async (component: Component): Promise<Slot> => {
    const wanted = options.releases.find((release) => release.component === component);
    if (wanted === undefined) {
      throw new CodedError(
        'desired-version-unavailable',
        `the coordinator wants no ${component} for this host yet`,
        { remedy: 'Publish a release of agent and launcher, and choose it for the fleet.' },
      );
    }
    const manifest = await trust.manifest({ ...wanted, platform: ownPlatform() }, signal);
    const staged = await stageSlot({
      manifest,
      layout,
      baseUrl,
      way,
      clock: systemClock,
      signal,
      ...(options.onDrop === undefined ? {} : { onDrop: options.onDrop }),
      onProgress: ({ bytesFetched, bytesWanted }) =>
        options.onProgress?.({ component, bytesDone: bytesFetched, bytesTotal: bytesWanted }),
    });
    return staged.slot;
  };
  await makeDirectoryDurably(layout.prefixDir, 0o755);
  const agent = await stage('agent');
  const launcher = await stage('launcher');
  await copyFirstLauncher(layout, launcher);
  await linkIfAbsent(layout, { agent, launcher });
  return { agent, launcher };
}

/** Never over one that is there: the first launcher does not change. */
async function copyFirstLauncher(layout: Layout, launcher: Slot): Promise<void> {
  const { firstLauncherDir, prefixDir } = layout;
  const manifest = await readTextIfPresent(join(firstLauncherDir, 'manifest.json'));
  if (manifest !== null) return;
  const treeDir = join(prefixDir, `.launcher-${randomUUID()}`);
  try {
    const from = join(versionsDirOf(layout, 'launcher'), launcher.dir);
    await cp(from, treeDir, { recursive: true, errorOnExist: true });
    await syncTree(treeDir);
    // Half a copy of an interrupted installation has no manifest at its place: it never got there.
    await rm(firstLauncherDir, { recursive: true, force: true });
    await rename(treeDir, firstLauncherDir);
    await syncDirectory(dirname(firstLauncherDir));
  } finally {
    await rm(treeDir, { recursive: true, force: true });
  }
}

/** Files, then directories bottom-up. */
async function syncTree(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      await syncTree(path);
      continue;
    }
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await syncDirectory(dir);
}

/** Where a record exists the launcher keeps the links; it alone writes the record. */
async function linkIfAbsent(
  layout: Layout,
  slots: Readonly<Record<Component, Slot>>,
): Promise<void> {
  if ((await readTextIfPresent(layout.bootRecordPath)) !== null) return;
  for (const component of COMPONENTS) {
    const path = linkPathOf(layout, { component, name: 'current' });
    await linkDurably(path, `${component}/${slots[component].dir}`);
  }
}
