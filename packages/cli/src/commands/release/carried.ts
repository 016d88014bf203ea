/*
 * What is carried by hand to a coordinator and to hosts that no network reaches: a directory, such as a stick's.
 *
 *   packs/     for the coordinator           blobs/     for the hosts' drop folders, each under its sha256
 *   signed/    what release keys signed, each release in a file; written last
 *
 * Keys are not in it. What was signed is text that anybody may carry: a coordinator takes it in the order of signing.
 */
import { copyFile, mkdir, mkdtemp, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { RequestOf } from '@moult/api/client';
import { CodedError } from '@moult/core/errors';
import { checkReleaseDocument } from '@moult/core/trust';
import { syncDirectory, writeFileDurably } from '@moult/runtime/files';
import type { PackManifest } from './pack-manifest.ts';

export type SignedRelease = Omit<RequestOf<'publishRelease'>['body'], 'why'>;

/** A document, a role of 128 KiB and top-level targets of as much, quoted. */
const SIGNED_BYTES_MAX = 1_048_576;

/** May be repeated: what is there already is left. Throws the `pack-…` codes, and `file-unreadable` where the directory does not take it. */
export async function carryRelease(
  dir: string,
  of: {
    readonly packs: readonly PackManifest[];
    readonly signed: SignedRelease;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly blobs: number; readonly bytes: number }> {
  const packsDir = join(dir, 'packs');
  const blobsDir = join(dir, 'blobs');
  const signedDir = join(dir, 'signed');
  for (const made of [packsDir, blobsDir, signedDir]) await mkdir(made, { recursive: true });
  const counts = { blobs: 0, bytes: 0 };
  for (const { packPath } of of.packs) {
    await copyDurably(packPath, join(packsDir, basename(packPath)));
    await addBlobs(packPath, { blobsDir, signal: of.signal, counts });
  }
  for (const made of [packsDir, blobsDir]) await syncDirectory(made);
  const { component, version } = of.signed;
  const text = `${JSON.stringify({ format: 1, ...of.signed })}\n`;
  await writeFileDurably(join(signedDir, nameOf(component, version)), text, { mode: 0o644 });
  return counts;
}

async function addBlobs(
  packPath: string,
  to: {
    readonly blobsDir: string;
    readonly signal: AbortSignal;
    readonly counts: { blobs: number; bytes: number };
  },
): Promise<void> {
  const { readPack } = await import('@moult/release/pack');
  const stagingDir = await mkdtemp(join(to.blobsDir, '.new-'));
  try {
    const { files } = await readPack({ packPath, stagingDir, signal: to.signal });
    for (const { sha256, path } of files) {
      const { size } = await stat(path);
      await rename(path, join(to.blobsDir, sha256));
      to.counts.blobs += 1;
      to.counts.bytes += size;
    }
  } finally {
    await rm(stagingDir, { recursive: true, force: true });
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, `${to}.part`);
  await using file = await open(`${to}.part`, 'r+');
  await file.sync();
  await rename(`${to}.part`, to);
}

/** Throws `submission-invalid`. Nothing of it is believed: the coordinator checks the signatures. */
export async function readSigned(
  signedDir: string,
  of: Pick<SignedRelease, 'component' | 'version'>,
): Promise<SignedRelease> {
  const path = join(signedDir, nameOf(of.component, of.version));
  const fields = fieldsOf(await textAt(path));
  const { document, role, targets } = fields ?? {};
  if (
    typeof document !== 'string' ||
    typeof role !== 'string' ||
    !(typeof targets === 'string' || targets === null)
  ) {
    throw new CodedError('submission-invalid', `${path} is not what release publish --to writes`);
  }
  const verdict = checkReleaseDocument(document, of);
  if (verdict.kind === 'refused') throw new CodedError('submission-invalid', verdict.why);
  return { component: of.component, version: of.version, document, role, targets };
}

async function textAt(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > SIGNED_BYTES_MAX) throw new CodedError('submission-invalid', `${path} is too large`);
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw new CodedError('file-unreadable', `cannot read ${path}`, {
      cause,
      remedy: 'Name the directory `signed` that `moult release publish --to` made.',
    });
  }
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? (value as Readonly<Record<string, unknown>> | null) : null;
  } catch {
    return null;
  }
}

function nameOf(component: string, version: string): string {
  return `${component}-${version}.json`;
}
