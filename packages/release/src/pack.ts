/*
 * Packs: a release for one platform as one `.tar.gz`, manifest.json first. Import reads the archive itself and
 * writes each file apart under a number, so that no name of an archive ever becomes a path (RL1); only when all
 * of it was checked do blobs move into the store. Everything happens on one open file: what was checked is what is kept.
 */
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { CodedError } from '@moult/core/errors';
import type { Manifest } from '@moult/core/manifest';
import { codeOf } from '@moult/runtime/files';
import { type BlobStore, withFile } from './blob-store.ts';
import { removeTree } from './own-name.ts';
import { PACK_LIMITS, readPackEntries } from './pack-entries.ts';

export { importTree } from './import-tree.ts';
export { PACK_LIMITS } from './pack-entries.ts';
export { type PackTree, writePack } from './pack-write.ts';

/** Unpacked at a time: with zlib's own 16 KiB a runtime takes twice the processor time, half of it for collecting garbage. */
const CHUNK_BYTES = 128 * 1024;

export interface ImportedPack {
  readonly manifest: Manifest;
  /** sha256 of the manifest's bytes: the digest of the release for its platform. */
  readonly digest: string;
  readonly manifestBytes: Buffer;
  /** Of the pack. */
  readonly bytes: number;
}

/**
 * Checks a pack and puts its blobs, the manifest among them, into the store. Throws a `pack-…` code of its own for each
 * kind of bad pack; then nothing of it is left behind.
 */
export async function importPack(
  packPath: string,
  blobStore: BlobStore,
  options: {
    readonly signal?: AbortSignal;
    /** What errors call it, for whoever does not know the path; the path unless given. */
    readonly name?: string;
  } = {},
): Promise<ImportedPack> {
  const stagingDir = await blobStore.stagingDir();
  try {
    const { signal, name } = options;
    const read = await readPack({ packPath, name, stagingDir, signal });
    for (const file of read.files) {
      await blobStore.adopt(file.path, file.sha256);
    }
    await blobStore.put(read.manifestBytes);
    const { manifest, digest, manifestBytes, bytes } = read;
    return { manifest, digest, manifestBytes, bytes };
  } finally {
    await removeTree(stagingDir);
  }
}

export interface ReadPack extends ImportedPack {
  /** Each distinct content once, fsynced, in the staging directory. */
  readonly files: readonly { readonly sha256: string; readonly path: string }[];
}

/** Checks a whole pack and leaves its contents in `stagingDir`, which the caller removes. */
export async function readPack(options: {
  readonly packPath: string;
  /** What errors call it; the path unless given. */
  readonly name?: string | undefined;
  readonly stagingDir: string;
  readonly signal: AbortSignal | undefined;
}): Promise<ReadPack> {
  const { packPath, name = packPath, signal } = options;
  return withFile(openPack(packPath), async (file) => {
    const { size } = await file.stat();
    if (size > PACK_LIMITS.packBytesMax)
      throw new CodedError('pack-too-large', `${name} is too large`);
    const entries = readPackEntries({ stagingDir: options.stagingDir, name });
    const source = file.createReadStream({ start: 0, autoClose: false });
    const counted = { compressed: 0, plain: 0 };
    try {
      await pipeline(
        source,
        counter((length) => {
          counted.compressed += length;
        }),
        createGunzip({ chunkSize: CHUNK_BYTES }),
        counter((length) => {
          counted.plain += length;
          refuseBomb(name, counted);
        }),
        entries.sink,
        signal === undefined ? {} : { signal },
      );
    } catch (error) {
      throw packError(name, error);
    }
    return { ...(await entries.finish()), bytes: size };
  });
}

/** A small beginning may compress well; past that no release does so better than this. */
function refuseBomb(
  name: string,
  counted: { readonly compressed: number; readonly plain: number },
): void {
  const isSmall = counted.plain < PACK_LIMITS.ratioFromBytes;
  if (!isSmall && counted.plain > counted.compressed * PACK_LIMITS.ratioMax) {
    throw new CodedError('pack-bomb', `${name} grows more than ${PACK_LIMITS.ratioMax} times`);
  }
  if (counted.plain > PACK_LIMITS.plainBytesMax) {
    throw new CodedError('pack-too-large', `${name} holds more than a release may`);
  }
}

function counter(count: (length: number) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        count(chunk.length);
        done(null, chunk);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
}

async function openPack(packPath: string) {
  try {
    return await open(packPath, 'r');
  } catch (cause) {
    throw new CodedError('pack-unreadable', `cannot read the pack ${packPath}`, { cause });
  }
}

function packError(name: string, error: unknown): unknown {
  if (error instanceof CodedError) return error;
  const code = codeOf(error);
  if (code === 'Z_BUF_ERROR')
    return new CodedError('pack-truncated', `${name} ends too early`, { cause: error });
  if (code?.startsWith('Z_'))
    return new CodedError('pack-not-a-pack', `${name} is not a pack`, { cause: error });
  if (code === 'ENOSPC')
    return new CodedError('disk-full', `no space left for ${name}`, { cause: error });
  return error;
}
