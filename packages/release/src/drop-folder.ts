/*
 * The drop folder: blobs that somebody carried to this host by hand, each under its sha256. Nothing in it is trusted: a file
 * counts when our own copy of its bytes is what the signed manifest says, and whatever else lies there is passed over.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestFile } from '@moult/core/manifest';
import { codeOf } from '@moult/runtime/files';
import { withFile } from './blob-store.ts';
import { checkFile } from './verify-slot.ts';

export type DropEvent =
  | { readonly kind: 'ignored'; readonly path: string; readonly why: string }
  | { readonly kind: 'used'; readonly files: number; readonly bytes: number };

/** Makes a copy at `path`, where nothing is yet. False, and nothing at `path`: there is none, or none that can be used. */
export async function placeFromDrop(options: {
  readonly dropDir: string;
  readonly file: ManifestFile;
  readonly path: string;
  readonly signal: AbortSignal;
  readonly onEvent: ((event: DropEvent) => void) | undefined;
}): Promise<boolean> {
  const { dropDir, file, path, signal } = options;
  const carried = join(dropDir, file.sha256);
  let isPlaced = false;
  try {
    const why = (await copyOf(carried, { file, path, signal })) ?? (await checkedWhy(options));
    isPlaced = why === null;
    if (why !== null && why !== NONE) {
      options.onEvent?.({ kind: 'ignored', path: carried, why });
    }
    return isPlaced;
  } finally {
    if (!isPlaced) await rm(path, { force: true });
  }
}

/** Not worth a word: most hosts have no such folder. */
const NONE = 'missing';
/** A read at a time. */
const CHUNK_BYTES = 1_048_576;

/** Null: what was there is copied. Else why not. */
async function copyOf(
  carried: string,
  to: { readonly file: ManifestFile; readonly path: string; readonly signal: AbortSignal },
): Promise<string | null> {
  let source: FileHandle;
  try {
    // To open a device can already do something. What takes its place after this look is seen from the open file.
    if (!(await lstat(carried)).isFile()) return 'not a regular file';
    source = await open(carried, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    if (code === 'ENOENT' || code === 'ENOTDIR') return NONE;
    return `unreadable (${code})`;
  }
  return await withFile(Promise.resolve(source), async (from) => {
    const found = await from.stat();
    if (!found.isFile()) return 'not a regular file';
    const { length } = to.file;
    if (found.size !== length) return `it has ${found.size} bytes, and should have ${length}`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    return await withFile(open(to.path, flags, 0o600), (copy) => copyBytes(from, copy, to));
  });
}

async function copyBytes(
  from: FileHandle,
  copy: FileHandle,
  { file, signal }: { readonly file: ManifestFile; readonly signal: AbortSignal },
): Promise<string | null> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, file.length)));
  // Never a byte more than was signed, however the file grows meanwhile.
  for (let position = 0; position < file.length; ) {
    signal.throwIfAborted();
    const wanted = Math.min(buffer.length, file.length - position);
    const bytesRead = await readPart(from, buffer, { wanted, position });
    if (typeof bytesRead === 'string') return bytesRead;
    for (let written = 0; written < bytesRead; ) {
      const rest = bytesRead - written;
      written += (await copy.write(buffer, written, rest, position + written)).bytesWritten;
    }
    position += bytesRead;
  }
  await copy.chmod(file.executable ? 0o755 : 0o644);
  await copy.sync();
  return null;
}

/** A medium that cannot be read any more is the folder's trouble, a disk that cannot be written is ours. */
async function readPart(
  from: FileHandle,
  buffer: Buffer,
  { wanted, position }: { readonly wanted: number; readonly position: number },
): Promise<number | string> {
  try {
    const { bytesRead } = await from.read(buffer, 0, wanted, position);
    return bytesRead === 0 ? 'it became shorter while it was read' : bytesRead;
  } catch (error) {
    const code = codeOf(error);
    if (code === null) throw error;
    return `unreadable (${code})`;
  }
}

/** What stands at our own path is what is checked, not what was carried. Null: it is what is wanted. */
async function checkedWhy(of: {
  readonly path: string;
  readonly file: ManifestFile;
  readonly signal: AbortSignal;
}): Promise<string | null> {
  const checked = await checkFile(of.path, of.file, of.signal);
  return typeof checked === 'string' ? checked : null;
}
