import { constants } from 'node:fs';
import { lstat, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import type { Manifest } from '@moult/core/manifest';
import type { Clock } from '@moult/runtime/clock';
import { codeOf, makeDirectoryDurably, syncDirectory } from '@moult/runtime/files';
import { withFile } from './blob-store.ts';
import { keepChanged } from './kept-files.ts';
import { ownName, removeTree } from './own-name.ts';
import { syncTree } from './repository-disk.ts';
import { checkTree, firstChanged, verifySlot } from './verify-slot.ts';

/** Where a finished tree goes, and what of the slot that it replaces is kept (H16). */
export interface SlotPlace {
  readonly slotDir: string;
  readonly manifest: Manifest;
  readonly digest: string;
  readonly stagingDir: string;
  readonly keptDir: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function isSoundSlot(place: SlotPlace): Promise<boolean> {
  const { slotDir, digest, signal } = place;
  if ((await lstat(slotDir).catch(() => null)) === null) return false;
  if ((await verifySlot({ dir: slotDir, digest, signal })).kind === 'unsound') return false;
  // Whoever put it there may have been killed before its name was durable.
  await syncDirectory(dirname(slotDir));
  return true;
}

export async function writeManifestFile(path: string, bytes: Uint8Array): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  await withFile(open(path, flags, 0o644), async (file) => {
    await file.writeFile(bytes);
    await file.chmod(0o644);
    await file.sync();
  });
}

/**
 * Makes a finished tree a slot: checks all of it, makes it durable, renames it, and looks whether what has the name now
 * is what was checked (T7). A slot that is there and not sound makes way only now, so that a host is without it for no longer
 * than two renames take (RL35). True when another staging put the same slot there first.
 */
export async function commitTree(treeDir: string, place: SlotPlace): Promise<boolean> {
  const { slotDir, manifest, digest, signal } = place;
  const checked = await checkTree(treeDir, { manifest, digest, signal });
  if (checked.kind === 'unsound') {
    throw new CodedError(
      'slot-tampered',
      `${checked.path} is ${checked.why} right after it was placed`,
    );
  }
  await syncTree(treeDir);
  await makeDirectoryDurably(dirname(slotDir), 0o755);
  let asideDir: string | null = null;
  if (!(await isRenamed(treeDir, slotDir))) {
    if (await isSoundSlot(place)) return true;
    asideDir = await setAside(place);
    if (!(await isRenamed(treeDir, slotDir))) {
      if (await isSoundSlot(place)) return true;
      throw new CodedError('slot-tampered', `${slotDir} appeared meanwhile and is not sound`);
    }
  }
  const changed = await firstChanged(slotDir, checked.identities);
  if (changed !== null) {
    await rename(slotDir, treeDir);
    if (asideDir !== null) await rename(asideDir, slotDir);
    throw new CodedError('slot-tampered', `${changed} was changed between its check and its use`);
  }
  await syncDirectory(dirname(slotDir));
  // Not before the last look: files that the two share would have another name less, which counts as a change.
  if (asideDir !== null) await removeTree(asideDir);
  return false;
}

/** False: something stands there. */
async function isRenamed(treeDir: string, slotDir: string): Promise<boolean> {
  try {
    await rename(treeDir, slotDir);
    return true;
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
    return false;
  }
}

/** What somebody changed in it is durable elsewhere before it goes. Gives where it is. */
async function setAside(place: SlotPlace): Promise<string> {
  const { slotDir, manifest, stagingDir, clock } = place;
  const { component, version } = manifest;
  await keepChanged({ ...place, dir: slotDir, component, version, nowMs: clock.nowMs() });
  const asideDir = join(stagingDir, ownName('aside'));
  await rename(slotDir, asideDir);
  return asideDir;
}
