/* Whether a store of blobs has what releases name, looked at without opening it: nothing is made, removed or adopted. */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { MANIFEST_LIMITS, type Manifest, parseManifest } from '@moult/core/manifest';
import { codeOf } from '@moult/runtime/files';
import { withFile } from './blob-store.ts';
import { digestOf, sha256Of } from './digest.ts';

export interface AuditedRelease {
  /** For people. */
  readonly name: string;
  /** Of its manifest. */
  readonly digest: string;
}

export interface BlobAudit {
  readonly files: number;
  readonly bytes: number;
  /** Which release, which blob, and what is wrong with it. */
  readonly troubles: readonly string[];
}

export interface AuditOptions {
  readonly blobsDir: string;
  readonly releases: readonly AuditedRelease[];
  /** Every byte is read, and not only counted. */
  readonly isDeep: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (done: { readonly part: number; readonly whole: number }) => void;
}

interface Blob {
  readonly sha256: string;
  readonly length: number;
  /** Of the first release that names it. */
  readonly name: string;
}

export async function auditBlobs(options: AuditOptions): Promise<BlobAudit> {
  const troubles: string[] = [];
  const blobs = new Map<string, Blob>();
  for (const { name, digest } of options.releases) {
    const manifest = await manifestIn(options.blobsDir, digest);
    if (typeof manifest === 'string') {
      troubles.push(`${name}: its manifest ${digest} is ${manifest}`);
      continue;
    }
    for (const { sha256, length } of manifest.files) {
      if (!blobs.has(sha256)) blobs.set(sha256, { sha256, length, name });
    }
  }
  const whole = [...blobs.values()].reduce((sum, { length }) => sum + length, 0);
  let part = 0;
  for (const blob of blobs.values()) {
    options.signal.throwIfAborted();
    const trouble = await troubleOf(blob, options);
    if (trouble !== null) troubles.push(`${blob.name}: ${blob.sha256} is ${trouble}`);
    part += blob.length;
    options.onProgress({ part, whole });
  }
  return { files: blobs.size, bytes: whole, troubles };
}

async function manifestIn(blobsDir: string, digest: string): Promise<Manifest | string> {
  const path = pathOf(blobsDir, digest);
  try {
    const bytes = await withFile(open(path), async (file) => {
      const { size } = await file.stat();
      return size > MANIFEST_LIMITS.bytesMax ? null : await file.readFile();
    });
    if (bytes === null || sha256Of(bytes) !== digest) return 'damaged';
    return parseManifest(bytes.toString('utf8'));
  } catch (error) {
    return whyNot(error);
  }
}

async function troubleOf(blob: Blob, options: AuditOptions): Promise<string | null> {
  const path = pathOf(options.blobsDir, blob.sha256);
  try {
    if ((await stat(path)).size !== blob.length) return 'of another length';
    if (!options.isDeep) return null;
    const { sha256 } = await withFile(open(path), (file) =>
      digestOf(file, blob.length, options.signal),
    );
    return sha256 === blob.sha256 ? null : 'damaged';
  } catch (error) {
    options.signal.throwIfAborted();
    return whyNot(error);
  }
}

function whyNot(error: unknown): string {
  if (error instanceof CodedError) return error.message;
  const code = codeOf(error);
  if (code === null) throw error;
  return code === 'ENOENT' ? 'missing' : `unreadable (${code})`;
}

/** As the store lays them out (RL10). */
function pathOf(blobsDir: string, sha256: string): string {
  return join(blobsDir, 'sha256', sha256.slice(0, 2), sha256);
}
