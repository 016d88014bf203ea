import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

/** Large enough that hashing a runtime is bound by sha256, not by calls. */
const CHUNK_BYTES = 1 << 20;

export function sha256Of(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface FileDigest {
  readonly sha256: string;
  /** Bytes read, at most one chunk beyond `lengthMax`. */
  readonly length: number;
}

/** Hashes an open file from its start; stops early once it is longer than `lengthMax`. */
export async function digestOf(
  file: FileHandle,
  lengthMax: number,
  signal?: AbortSignal,
): Promise<FileDigest> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let length = 0;
  while (length <= lengthMax) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, length);
    if (bytesRead === 0) break;
    hash.update(chunk.subarray(0, bytesRead));
    length += bytesRead;
  }
  return { sha256: hash.digest('hex'), length };
}
