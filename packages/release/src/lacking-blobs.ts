/* PF12: what of a release is not on its host yet, and whether it can be had. Nothing is fetched, and nothing on the host is changed. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, type ErrorCode } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import type { Manifest, ManifestFile } from '@moult/core/manifest';
import { askForBlob, type BlobSource, FETCH_LIMITS } from './fetch.ts';
import { indexLocalBlobs, localSlotDirs } from './local-blobs.ts';

export interface LackingBlobs {
  readonly count: number;
  readonly bytes: number;
  /** Address of the server that they are to come from. */
  readonly from: string;
  /** How many were asked for, the largest first. */
  readonly asked: number;
  /** Why one of these cannot be had; null: each can. */
  readonly trouble: { readonly code: ErrorCode; readonly message: string } | null;
}

/** A release that lacks more of them says enough by the largest ones, which are asked for at once. */
const ASKED_MAX = FETCH_LIMITS.atOnce;

/**
 * By names and lengths alone: whether a local file has the right bytes is found out when it is used, and then it is fetched if
 * it has not. Throws the signal's reason.
 */
export async function lackingBlobs(
  source: BlobSource,
  of: { readonly manifest: Manifest; readonly layout: Layout },
): Promise<LackingBlobs> {
  const lacking = await lackingFiles(of);
  // Nobody has to be asked for nothing.
  const asked = lacking.filter(({ length }) => length > 0).slice(0, ASKED_MAX);
  const troubles = await Promise.all(asked.map((file) => troubleOf(source, file)));
  source.signal.throwIfAborted();
  return {
    count: lacking.length,
    bytes: lacking.reduce((sum, { length }) => sum + length, 0),
    from: source.baseUrl,
    asked: asked.length,
    trouble: troubles.find((trouble) => trouble !== null) ?? null,
  };
}

/** One for each blob, the largest first. */
async function lackingFiles({
  manifest,
  layout,
}: {
  readonly manifest: Manifest;
  readonly layout: Layout;
}): Promise<readonly ManifestFile[]> {
  const local = await indexLocalBlobs(await localSlotDirs(layout));
  const lacking = new Map<string, ManifestFile>();
  for (const file of manifest.files) {
    const offers = [...(local.get(file.sha256) ?? []), join(layout.dropDir, file.sha256)];
    if (!(await isOffered(offers, file.length))) lacking.set(file.sha256, file);
  }
  return [...lacking.values()].sort((one, other) => other.length - one.length);
}

async function isOffered(paths: readonly string[], length: number): Promise<boolean> {
  for (const path of paths) {
    const found = await lstat(path).catch(() => null);
    if (found?.isFile() && found.size === length) return true;
  }
  return false;
}

async function troubleOf(source: BlobSource, file: ManifestFile): Promise<LackingBlobs['trouble']> {
  try {
    await askForBlob(source, file);
    return null;
  } catch (error) {
    if (error instanceof CodedError) {
      return { code: error.code, message: `${file.path}: ${error.message}` };
    }
    if (source.signal.aborted) return null;
    throw error;
  }
}
