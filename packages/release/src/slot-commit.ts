import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import type { Manifest } from '@moult/core/manifest';
import { codeOf, makeDirectoryDurably, syncDirectory } from '@moult/runtime/files';
import { withFile } from './blob-store.ts';
import { syncTree } from './repository-disk.ts';
import { checkTree, firstChanged, verifySlot } from './verify-slot.ts';

/** True when a sound slot stands there. One that is not sound is kept aside, so that a good one can take its name (RL35). */
export async function setAsideUnsound(options: {
  readonly slotDir: string;
  readonly digest: string;
  readonly stagingDir: string;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { slotDir, digest, signal } = options;
  if ((await lstat(slotDir).catch(() => null)) === null) return false;
  const verdict = await verifySlot({ dir: slotDir, digest, signal });
  if (verdict.kind === 'sound') {
    // Whoever put it there may have been killed before its name was durable.
    await syncDirectory(dirname(slotDir));
    return true;
  }
  await rename(slotDir, join(options.stagingDir, `aside-${randomUUID()}`));
  await syncDirectory(dirname(slotDir));
  return false;
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
 * is what was checked (T7). True when another staging put the same slot there first.
 */
export async function commitTree(options: {
  readonly treeDir: string;
  readonly slotDir: string;
  readonly manifest: Manifest;
  readonly digest: string;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { treeDir, slotDir, manifest, digest, signal } = options;
  const checked = await checkTree(treeDir, { manifest, digest, signal });
  if (checked.kind === 'unsound') {
    throw new CodedError(
      'slot-tampered',
      `${checked.path} is ${checked.why} right after it was placed`,
    );
  }
  await syncTree(treeDir);
  await makeDirectoryDurably(dirname(slotDir), 0o755);
  try {
    await rename(treeDir, slotDir);
  } catch (error) {
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
    const there = await verifySlot({ dir: slotDir, digest, signal });
    if (there.kind === 'sound') {
      await syncDirectory(dirname(slotDir));
      return true;
    }
    throw new CodedError('slot-tampered', `${slotDir} appeared meanwhile and is not sound`);
  }
  const changed = await firstChanged(slotDir, checked.identities);
  if (changed !== null) {
    await rename(slotDir, treeDir);
    throw new CodedError('slot-tampered', `${changed} was changed between its check and its use`);
  }
  await syncDirectory(dirname(slotDir));
  return false;
}
