/*
 * Staging: the complete tree of a verified manifest in a slot of its own, while the agent works on.
 *
 *   .staging/partial/   partial blobs          .staging/tree.<…>/    the tree being made (0700 above it)
 *   file by file: link or copy from a local slot whose bytes still have their hash, else copy from the drop folder, else fetch
 *   → check the whole tree from open files → fsync files, directories, rename, parent → look again at what was checked
 *   a slot that stands there and is not sound makes way just before the rename; what was changed in it is kept (H16)
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Slot, slotDirOf } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import { type Layout, versionsDirOf } from '@moult/core/layout';
import { MANIFEST_PATH, type ManifestFile } from '@moult/core/manifest';
import type { Clock } from '@moult/runtime/clock';
import { makeDirectoryDurably } from '@moult/runtime/files';
import type { ReadWay } from '@moult/runtime/way';
import { withDeadline } from './deadline.ts';
import { requireReserve } from './disk-reserve.ts';
import { type DropEvent, placeFromDrop } from './drop-folder.ts';
import { type BlobSource, diskError, FETCH_LIMITS, fetchBlob } from './fetch.ts';
import { indexLocalBlobs, type LocalBlobs, localSlotDirs, placeFromSlot } from './local-blobs.ts';
import { ownName, removeAbandoned, removeTree } from './own-name.ts';
import { commitTree, isSoundSlot, type SlotPlace, writeManifestFile } from './slot-commit.ts';
import { requireProof, type VerifiedManifest } from './verified-manifest.ts';

export type { DropEvent } from './drop-folder.ts';
export type { VerifiedManifest } from './verified-manifest.ts';
export { type SlotVerdict, verifySlot } from './verify-slot.ts';

export interface StageOptions {
  readonly manifest: VerifiedManifest;
  readonly layout: Layout;
  /** Directories of slots whose files may be used; all on this host unless given. */
  readonly existingSlots?: readonly string[];
  /** Where the blobs lie: the coordinator's address, or a static server's. */
  readonly baseUrl: string;
  readonly way: ReadWay;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: StageProgress) => void;
  /** Told of what lies in the drop folder and cannot be used; at the end of what was. */
  readonly onDrop?: (event: DropEvent) => void;
}

export interface StageProgress {
  readonly bytesFetched: number;
  /** Of the blobs that neither a local slot nor the drop folder has, as far as is known by now. */
  readonly bytesWanted: number;
}

export interface Staged {
  readonly slot: Slot;
  readonly slotDir: string;
  /** True: the slot was there and sound, nothing was done. */
  readonly isReused: boolean;
  readonly bytesFetched: number;
  readonly bytesDropped: number;
  readonly blobsFetched: number;
  /** From the drop folder. */
  readonly blobsDropped: number;
  readonly blobsLinked: number;
  readonly blobsCopied: number;
}

/** Throws the codes of `fetchBlob`, `disk-reserve`, `disk-full`, `fetch-deadline`, `slot-tampered`. What was fetched stays for the next call. */
export async function stageSlot(options: StageOptions): Promise<Staged> {
  requireProof(options.manifest);
  const { manifest, digest } = options.manifest;
  const { clock } = options;
  const slot = { version: manifest.version, digest, dir: slotDirOf(manifest.version, digest) };
  const slotDir = join(versionsDirOf(options.layout, manifest.component), slot.dir);
  const expired = () =>
    new CodedError('fetch-deadline', `staging ${manifest.version} took longer than it may`);
  const reused = {
    slot,
    slotDir,
    isReused: true,
    bytesFetched: 0,
    bytesDropped: 0,
    blobsFetched: 0,
    blobsDropped: 0,
    blobsLinked: 0,
    blobsCopied: 0,
  };
  return withDeadline(
    { clock, ms: FETCH_LIMITS.totalMs, signal: options.signal, expired },
    async (signal) => {
      try {
        const { stagingDir } = options.layout;
        await makeDirectoryDurably(stagingDir, 0o700);
        await removeAbandoned(stagingDir);
        const place = { ...options.layout, ...options.manifest, slotDir, clock, signal };
        if (await isSoundSlot(place)) return reused;
        return await stageTree(options, { slot, place });
      } catch (error) {
        throw diskError(error, options.layout.stagingDir);
      }
    },
  );
}

/** Removes partial blobs. For an idle agent's cleanup: never while something is being staged. */
export async function clearStaging(layout: Layout): Promise<void> {
  await removeTree(layout.stagingDir);
}

async function stageTree(
  options: StageOptions,
  of: { readonly slot: Slot; readonly place: SlotPlace },
): Promise<Staged> {
  const { layout, onDrop } = options;
  const { manifest, bytes } = options.manifest;
  const { slot, place } = of;
  const { signal, slotDir } = place;
  const partialDir = join(layout.stagingDir, 'partial');
  await makeDirectoryDurably(partialDir, 0o700);
  const local = await indexLocalBlobs(options.existingSlots ?? (await localSlotDirs(layout)));
  const missing = manifest.files.filter((file) => !local.has(file.sha256));
  const isShared = manifest.component === 'agent';
  const launchersDir = `${versionsDirOf(layout, 'launcher')}/`;
  // RL32, in both directions.
  const mayLink = (path: string) => isShared && !path.startsWith(launchersDir);
  await requireReserve(layout.stagingDir, isShared ? missing : manifest.files);
  const treeDir = join(layout.stagingDir, ownName('tree'));
  await mkdir(treeDir, { mode: 0o755 });
  try {
    const counts = {
      ...{ bytesFetched: 0, bytesDropped: 0 },
      ...{ blobsFetched: 0, blobsDropped: 0, blobsLinked: 0, blobsCopied: 0 },
    };
    const bytesMissing = missing.reduce((sum, file) => sum + file.length, 0);
    const source: BlobSource = {
      baseUrl: options.baseUrl,
      way: options.way,
      clock: options.clock,
      signal,
    };
    const onBytes = (count: number) => {
      counts.bytesFetched += count;
      const { bytesFetched, bytesDropped } = counts;
      options.onProgress?.({ bytesFetched, bytesWanted: bytesMissing - bytesDropped });
    };
    await eachAtOnce(manifest.files, FETCH_LIMITS.atOnce, signal, async (file) => {
      const places = { treeDir, partialDir, dropDir: layout.dropDir, local };
      const how = await placeFile({ ...places, file, source, isShared: mayLink, onBytes, onDrop });
      counts[how] += 1;
      if (how === 'blobsDropped') counts.bytesDropped += file.length;
    });
    const { blobsDropped: files, bytesDropped } = counts;
    if (files > 0) onDrop?.({ kind: 'used', files, bytes: bytesDropped });
    await writeManifestFile(join(treeDir, MANIFEST_PATH), bytes);
    const isReused = await commitTree(treeDir, place);
    return { slot, slotDir, isReused, ...counts };
  } finally {
    await removeTree(treeDir);
  }
}

async function placeFile(what: {
  readonly file: ManifestFile;
  readonly treeDir: string;
  readonly partialDir: string;
  readonly dropDir: string;
  readonly source: BlobSource;
  readonly local: LocalBlobs;
  readonly isShared: (candidate: string) => boolean;
  readonly onBytes: (count: number) => void;
  readonly onDrop: ((event: DropEvent) => void) | undefined;
}): Promise<'blobsFetched' | 'blobsDropped' | 'blobsLinked' | 'blobsCopied'> {
  const { file, local, source } = what;
  const path = join(what.treeDir, file.path);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  for (const candidate of local.get(file.sha256) ?? []) {
    const placed = await placeFromSlot({
      candidate,
      path,
      file,
      isShared: what.isShared(candidate),
      signal: source.signal,
    });
    if (placed !== null) return placed === 'linked' ? 'blobsLinked' : 'blobsCopied';
  }
  const { dropDir, onDrop: onEvent } = what;
  const { signal } = source;
  if (await placeFromDrop({ dropDir, file, path, signal, onEvent })) return 'blobsDropped';
  await fetchBlob(source, {
    sha256: file.sha256,
    length: file.length,
    mode: file.executable ? 0o755 : 0o644,
    path,
    partialDir: what.partialDir,
    onBytes: what.onBytes,
  });
  return 'blobsFetched';
}

/** Runs `work` for each item, `limit` at a time. After a failure no more begin, and all that began have ended when it rejects. */
async function eachAtOnce<T>(
  items: readonly T[],
  limit: number,
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  let failure: { readonly error: unknown } | null = null;
  const runner = async (): Promise<void> => {
    for (const item of queue) {
      if (failure !== null) return;
      try {
        signal.throwIfAborted();
        await work(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, runner));
  const failed = failure as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
}
