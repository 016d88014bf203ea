/*
 * What a release engineer signs must be what lies in their own packs, and never what a coordinator says lies in
 * them. The manifest comes first in a pack; its sha256 is the digest of all the rest, so reading it is enough.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { CodedError } from '@moult/core/errors';
import { MANIFEST_LIMITS, MANIFEST_PATH, type Manifest, parseManifest } from '@moult/core/manifest';

export interface PackManifest {
  readonly packPath: string;
  readonly manifest: Manifest;
  readonly digest: string;
}

/** A header of a tar archive, and where name and size stand in it (POSIX ustar). */
const HEADER_BYTES = 512;
const NAME = { from: 0, to: 100 } as const;
const SIZE = { from: 124, to: 136 } as const;

/** Throws `pack-unreadable`, `pack-not-a-pack`, `pack-manifest-missing`, `manifest-invalid`. */
export async function readPackManifest(packPath: string): Promise<PackManifest> {
  const bytes = await manifestBytesOf(packPath);
  const digest = createHash('sha256').update(bytes).digest('hex');
  return { packPath, manifest: parseManifest(bytes.toString('utf8')), digest };
}

async function manifestBytesOf(packPath: string): Promise<Buffer> {
  const head = await headOf(packPath, HEADER_BYTES + MANIFEST_LIMITS.bytesMax);
  const name = textOf(head, NAME);
  const length = Number.parseInt(textOf(head, SIZE), 8);
  const isManifest = name === MANIFEST_PATH && length > 0 && length <= MANIFEST_LIMITS.bytesMax;
  if (!isManifest || head.length < HEADER_BYTES + length) {
    throw new CodedError(
      'pack-manifest-missing',
      `${packPath} does not begin with ${MANIFEST_PATH}`,
    );
  }
  return head.subarray(HEADER_BYTES, HEADER_BYTES + length);
}

function textOf(header: Buffer, field: { readonly from: number; readonly to: number }): string {
  return header.subarray(field.from, field.to).toString('latin1').replace(/\0.*$/s, '').trim();
}

async function headOf(packPath: string, bytesMax: number): Promise<Buffer> {
  const source = createReadStream(packPath);
  const plain = createGunzip();
  source.on('error', (error) => plain.destroy(error));
  source.pipe(plain);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of plain) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= bytesMax) break;
    }
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (code.startsWith('Z_'))
      throw new CodedError('pack-not-a-pack', `${packPath} is not a pack`, { cause });
    throw new CodedError('pack-unreadable', `cannot read the pack ${packPath}`, { cause });
  } finally {
    source.destroy();
  }
  return Buffer.concat(chunks);
}
