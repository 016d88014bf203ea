/*
 * Whether a tree on disk is exactly what its manifest names: every file from one open descriptor, no link
 * followed, nothing more and nothing less. Needs nothing but hashing, so that whoever boots a slot can afford it.
 */
import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { MANIFEST_LIMITS, MANIFEST_PATH, type Manifest, parseManifest } from '@moult/core/manifest';
import { codeOf } from '@moult/runtime/files';
import { withFile } from './blob-store.ts';
import { digestOf, sha256Of } from './digest.ts';

export type SlotVerdict =
  | { readonly kind: 'sound'; readonly manifest: Manifest }
  | { readonly kind: 'unsound'; readonly path: string; readonly why: string };

/** Reads every byte of a slot. `digest` is what the boot record or a command says that it is. */
export async function verifySlot(options: {
  readonly dir: string;
  readonly digest: string;
  readonly signal?: AbortSignal;
}): Promise<SlotVerdict> {
  const { dir, digest } = options;
  const read = await readManifestFile(dir);
  if (typeof read === 'string') return unsound(MANIFEST_PATH, read);
  if (sha256Of(read) !== digest) return unsound(MANIFEST_PATH, 'not the manifest of this digest');
  let manifest: Manifest;
  try {
    manifest = parseManifest(read.toString('utf8'));
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return unsound(MANIFEST_PATH, error.message);
  }
  const checked = await checkTree(dir, { manifest, digest, signal: options.signal });
  return checked.kind === 'sound' ? { kind: 'sound', manifest } : checked;
}

/** The manifest of a slot without checking its files; null when there is none that can be read. */
export async function readSlotManifest(dir: string): Promise<Manifest | null> {
  const read = await readManifestFile(dir);
  if (typeof read === 'string') return null;
  try {
    return parseManifest(read.toString('utf8'));
  } catch {
    return null;
  }
}

/** What tells a file that was checked from one that took its place or was written to since. */
export interface FileIdentity {
  readonly path: string;
  readonly ino: bigint;
  readonly dev: bigint;
  readonly size: bigint;
  readonly changedNs: bigint;
}

export type TreeVerdict =
  | { readonly kind: 'sound'; readonly identities: readonly FileIdentity[] }
  | { readonly kind: 'unsound'; readonly path: string; readonly why: string };

/** Checks a whole tree against a manifest that is trusted already. */
export async function checkTree(
  dir: string,
  wanted: {
    readonly manifest: Manifest;
    readonly digest: string;
    readonly signal: AbortSignal | undefined;
  },
): Promise<TreeVerdict> {
  const { manifest, digest, signal } = wanted;
  const stray = await strayIn(dir, manifest);
  if (stray !== null) return unsound(stray, 'not named by the manifest');
  const identities: FileIdentity[] = [];
  const files = [
    ...manifest.files,
    { path: MANIFEST_PATH, sha256: digest, length: null, executable: false },
  ];
  for (const file of files) {
    signal?.throwIfAborted();
    const checked = await checkFile(join(dir, file.path), file, signal);
    if (typeof checked === 'string') return unsound(file.path, checked);
    identities.push({ ...checked, path: file.path });
  }
  return { kind: 'sound', identities };
}

/** The first path whose file is no longer the one that was checked; null when all are. */
export async function firstChanged(
  dir: string,
  identities: readonly FileIdentity[],
): Promise<string | null> {
  for (const known of identities) {
    const found = await lstat(join(dir, known.path), { bigint: true }).catch(() => null);
    const isSame =
      found !== null &&
      found.ino === known.ino &&
      found.dev === known.dev &&
      found.size === known.size &&
      found.ctimeNs === known.changedNs;
    if (!isSame) return known.path;
  }
  return null;
}

interface WantedFile {
  readonly sha256: string;
  /** Null: up to the limit of a manifest. */
  readonly length: number | null;
  readonly executable: boolean;
}

/** A file's identity, or why it is not what is wanted. */
export async function checkFile(
  path: string,
  wanted: WantedFile,
  signal: AbortSignal | undefined,
): Promise<Omit<FileIdentity, 'path'> | string> {
  try {
    return await withFile(open(path, OPEN_FLAGS), async (file) => {
      const before = await file.stat({ bigint: true });
      if (!before.isFile()) return 'not a regular file';
      const lengthMax = wanted.length ?? MANIFEST_LIMITS.bytesMax;
      if (wanted.length !== null && before.size !== BigInt(wanted.length))
        return 'of another length';
      const mode = Number(before.mode);
      if (isExecutable(mode) !== wanted.executable) {
        return 'executable, or not, against the manifest';
      }
      if (isUnsafe(mode)) return 'of unsafe mode';
      const { sha256 } = await digestOf(file, lengthMax, signal);
      if (sha256 !== wanted.sha256) return 'of other content';
      const after = await file.stat({ bigint: true });
      if (after.ctimeNs !== before.ctimeNs) return 'changed while it was read';
      return { ino: after.ino, dev: after.dev, size: after.size, changedNs: after.ctimeNs };
    });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return 'missing';
    if (code === 'ELOOP') return 'a link';
    if (code === null || signal?.aborted) throw error;
    return `unreadable (${code})`;
  }
}

/** Whether who may write and execute a file is as it must be; its content is another question. */
export async function hasMode(path: string, wantsExecutable: boolean): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return false;
  return isExecutable(found.mode) === wantsExecutable && !isUnsafe(found.mode);
}

function isExecutable(mode: number): boolean {
  return (mode & 0o100) !== 0;
}

/** Set-id bits, and writable by others. */
function isUnsafe(mode: number): boolean {
  return (mode & 0o7022) !== 0;
}

/** Not blocking, so that a planted pipe cannot hold us. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Its bytes, or why there are none to be had. */
export async function readManifestFile(dir: string): Promise<Buffer | string> {
  try {
    return await withFile(open(join(dir, MANIFEST_PATH), OPEN_FLAGS), async (file) => {
      const { size } = await file.stat();
      if (size > MANIFEST_LIMITS.bytesMax) return 'too large';
      return await file.readFile();
    });
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    return code === 'ENOENT' ? 'missing' : `unreadable (${code})`;
  }
}

async function strayIn(dir: string, manifest: Manifest): Promise<string | null> {
  const files = new Set([MANIFEST_PATH, ...manifest.files.map((file) => file.path)]);
  const dirs = new Set([...files].flatMap(parentsOf));
  const visit = async (below: string): Promise<string | null> => {
    for (const entry of await readdir(join(dir, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (files.has(path)) continue;
      if (!entry.isDirectory() || !dirs.has(path)) return path;
      const stray = await visit(path);
      if (stray !== null) return stray;
    }
    return null;
  };
  return visit('');
}

function parentsOf(path: string): readonly string[] {
  const segments = path.split('/').slice(0, -1);
  return segments.map((_, index) => segments.slice(0, index + 1).join('/'));
}

function unsound(
  path: string,
  why: string,
): { readonly kind: 'unsound'; readonly path: string; readonly why: string } {
  return { kind: 'unsound', path, why };
}
