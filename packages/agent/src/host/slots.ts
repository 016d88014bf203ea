/* Slots on the real disk, by way of the release package; its fetching parts are loaded when something is fetched. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readBootRecord, slotDirOf } from '@moult/core/boot';
import { COMPONENTS, type Component } from '@moult/core/component';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import type { ManifestFile } from '@moult/core/manifest';
import type { DropEvent } from '@moult/release/slot';
import type { VerifiedManifest } from '@moult/release/trust-client';
import { readSlotManifest } from '@moult/release/verify-slot';
import type { Clock } from '@moult/runtime/clock';
import { codeOf, readTextIfPresent, removeDurably } from '@moult/runtime/files';
import type { Logger } from '@moult/runtime/logger';
import type { ReadWay } from '@moult/runtime/way';
import type { Slots, TrustedRelease } from '../ports.ts';

export interface SlotsOptions {
  readonly layout: Layout;
  readonly baseUrl: string;
  readonly way: ReadWay;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createSlots(options: SlotsOptions): Slots {
  const { layout } = options;
  const list = async (component: Component) => {
    const names = await namesIn(versionsDirOf(layout, component));
    return names.filter((name) => SLOT_DIR.test(name));
  };
  /** Hashes of files that were read. */
  const known = new Map<string, string>();
  return {
    list,
    manifestOf: (component, slot) =>
      readSlotManifest(join(versionsDirOf(layout, component), slot.dir)),
    plan: async (release) => {
      const files = await filesToWrite(layout, release, list);
      return {
        filesToWrite: files.length,
        bytesToWrite: files.reduce((sum, file) => sum + file.length, 0),
      };
    },
    lacking: async ({ manifest }, signal) => {
      const { lackingBlobs } = await import('@moult/release/lacking-blobs');
      return lackingBlobs({ ...options, signal }, { manifest, layout });
    },
    stage: async (release, { signal, onProgress }) => {
      const { stageSlot } = await import('@moult/release/slot');
      const bytesTotal = release.manifest.files.reduce((sum, file) => sum + file.length, 0);
      const staged = await stageSlot({
        ...options,
        manifest: release.proof as VerifiedManifest,
        signal,
        onProgress: ({ bytesFetched, bytesWanted }) =>
          onProgress({ bytesDone: bytesFetched, bytesTotal: bytesWanted }),
        onDrop: (event) => logDrop(options, event),
      });
      return { slot: staged.slot, bytesFetched: staged.bytesFetched, bytesTotal };
    },
    changesOf: async (component, slot, { signal, isQuick }) => {
      const { slotChanges } = await import('@moult/release/slot-changes');
      if (!isQuick || known.size > KNOWN_MAX) known.clear();
      const dir = join(versionsDirOf(layout, component), slot.dir);
      return slotChanges({ dir, digest: slot.digest, known, signal });
    },
    keepings: async () => {
      const { keepingsIn } = await import('@moult/release/kept-files');
      return keepingsIn(layout.keptDir);
    },
    remove: async (component, name) => {
      const dir = join(versionsDirOf(layout, component), name);
      const { keepOfSlot } = await import('@moult/release/kept-files');
      await keepOfSlot({ dir, component, keptDir: layout.keptDir, nowMs: options.clock.nowMs() });
      await removeDurably(dir);
      await rm(join(layout.compileCacheDir, name), { recursive: true, force: true });
    },
    clearStaging: async () => {
      for (const name of await namesIn(layout.stagingDir)) {
        await removeDurably(join(layout.stagingDir, name));
      }
    },
    recordedDirs: async () => {
      const reading = readBootRecord(await readTextIfPresent(layout.bootRecordPath));
      if (reading.kind !== 'read') return null;
      const dirs = new Set<string>();
      for (const { committed, previous, trial } of Object.values(reading.record.components)) {
        for (const slot of [committed, previous, trial?.slot]) if (slot) dirs.add(slot.dir);
      }
      return dirs;
    },
  };
}

/** Files of a dozen versions; then they are read anew. */
const KNOWN_MAX = 1_000;

function logDrop({ layout, log }: SlotsOptions, event: DropEvent): void {
  if (event.kind === 'ignored') {
    log.warn('a file in the drop folder is not used', { path: event.path, why: event.why });
    return;
  }
  const { files, bytes } = event;
  log.info('files came from the drop folder', { dropDir: layout.dropDir, files, bytes });
}

/** `<version>-<first eight of the digest>`: nothing else below a versions directory is a slot. */
const SLOT_DIR = /^[0-9A-Za-z.-]+-[0-9a-f]{8}$/;

/** Only an agent shares files with slots that are there; a launcher is a real copy throughout. */
async function filesToWrite(
  layout: Layout,
  release: TrustedRelease,
  list: (component: Component) => Promise<readonly string[]>,
): Promise<readonly ManifestFile[]> {
  const { component, files, version } = release.manifest;
  const own = slotDirOf(version, release.digest);
  if ((await list(component)).includes(own)) return [];
  if (component !== 'agent') return files;
  const here = new Set<string>();
  for (const other of COMPONENTS) {
    for (const dir of await list(other)) {
      const manifest = await readSlotManifest(join(versionsDirOf(layout, other), dir));
      for (const file of manifest?.files ?? []) here.add(file.sha256);
    }
  }
  return files.filter((file) => !here.has(file.sha256));
}

async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
