/*
 * Fetching one blob by its hash: resumed by Range, capped by the length that was signed, checked from the open
 * file before it gets its name. No redirects, a least rate, and never a byte beyond what is expected.
 */
import { constants } from 'node:fs';
import { chmod, type FileHandle, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { CodedError } from '@moult/core/errors';
import { BLOBS_PATH } from '@moult/core/release-document';
import type { Clock } from '@moult/runtime/clock';
import { codeOf } from '@moult/runtime/files';
import { optionsOfWay, type ReadWay, type WayOptions } from '@moult/runtime/way';
import { withFile } from './blob-store.ts';
import { withDeadline } from './deadline.ts';
import { digestOf } from './digest.ts';
import { addressOf, checkedUrl } from './http-address.ts';
import { claimPartial, releasePartial } from './partial-blob.ts';

export const FETCH_LIMITS: {
  readonly atOnce: number;
  readonly rateWindowMs: number;
  readonly rateBytesMin: number;
  readonly totalMs: number;
  readonly connectMs: number;
  readonly answerMs: number;
} = {
  /** Hides latency of small files without crowding out others of a fleet. */
  atOnce: 8,
  rateWindowMs: 60_000,
  /** 1 KiB/s: what an old satellite line still does. */
  rateBytesMin: 60 * 1024,
  /** A whole release. */
  totalMs: 2 * 3_600_000,
  connectMs: 15_000,
  answerMs: 30_000,
};

export interface BlobSource {
  readonly baseUrl: string;
  readonly way: ReadWay;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface WantedBlob {
  readonly sha256: string;
  readonly length: number;
  readonly mode: number;
  /** Gets the blob under this name when it is whole, checked and fsynced; on the file system of `partialDir`. */
  readonly path: string;
  readonly partialDir: string;
  readonly onBytes: (count: number) => void;
}

/**
 * Throws `fetch-failed`, `fetch-stalled`, `blob-missing` (nothing lost: what came is kept and resumed),
 * `fetch-mismatch` (what came is dropped), `fetch-refused`, `fetch-insecure`, `disk-full`, or the `proxy-…` codes.
 */
export async function fetchBlob(source: BlobSource, blob: WantedBlob): Promise<void> {
  const claim = { path: await claimPartial(blob.partialDir, blob.sha256), sha256: blob.sha256 };
  try {
    await withFile(openPartial(claim.path), async (file) => {
      const isResumed = await fillPartial(source, blob, file);
      if (await isWhole(file, blob, source.signal)) return;
      await file.truncate(0);
      // What an earlier fetch left may have been damaged; what came now alone may not.
      if (isResumed) {
        await fillPartial(source, blob, file);
        if (await isWhole(file, blob, source.signal)) return;
        await file.truncate(0);
      }
      throw new CodedError('fetch-mismatch', `the server sent other bytes for blob ${blob.sha256}`);
    });
    await chmod(claim.path, blob.mode);
    await withFile(openPartial(claim.path), (file) => file.sync());
    await rename(claim.path, blob.path);
  } catch (error) {
    await releasePartial(blob.partialDir, claim).catch(() => undefined);
    throw diskError(error, dirname(blob.path));
  }
}

/**
 * Asks for one byte of a blob as `fetchBlob` would ask for all of it: the same address, way and limits. Resolves when it can be had.
 * Throws `fetch-failed`, `blob-missing`, `fetch-mismatch` (of another length), `fetch-refused`, `fetch-insecure`, or the `proxy-…` codes.
 */
export async function askForBlob(
  source: BlobSource,
  { sha256, length }: Pick<WantedBlob, 'sha256' | 'length'>,
): Promise<void> {
  const ms = FETCH_LIMITS.connectMs + FETCH_LIMITS.answerMs;
  const expired = () =>
    new CodedError('fetch-failed', `${source.baseUrl} does not answer within ${ms / 1_000} s`);
  await withDeadline({ ...source, ms, expired }, async (signal) => {
    try {
      const { body, bytesTotal } = await request(source, { sha256, from: 0, to: 0, signal });
      // A server that knows no ranges would send all of it.
      body.destroy();
      if (bytesTotal === null || bytesTotal === length) return;
      const lengths = `has ${bytesTotal} bytes there, ${length} were signed`;
      throw new CodedError('fetch-mismatch', `blob ${sha256} of ${source.baseUrl} ${lengths}`);
    } catch (error) {
      throw signal.aborted ? signal.reason : networkError(error, source, sha256);
    }
  });
}

/** Space that ran out is told apart from other trouble with files. */
export function diskError(error: unknown, place: string): unknown {
  const code = codeOf(error);
  if (error instanceof CodedError) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new CodedError('disk-full', `no space left in ${place}`, { cause: error });
  }
  return error;
}

function openPartial(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
}

async function isWhole(file: FileHandle, blob: WantedBlob, signal: AbortSignal): Promise<boolean> {
  const { sha256, length } = await digestOf(file, blob.length, signal);
  if (sha256 !== blob.sha256 || length !== blob.length) return false;
  await file.sync();
  return true;
}

/** Fetches what is missing at the end of the file. True when bytes of an earlier fetch were kept. */
async function fillPartial(
  source: BlobSource,
  blob: WantedBlob,
  file: FileHandle,
): Promise<boolean> {
  const { size } = await file.stat();
  if (size > blob.length) await file.truncate(0);
  let position = size > blob.length ? 0 : size;
  if (position === blob.length && blob.length > 0) return true;
  const stop = new AbortController();
  const signal = AbortSignal.any([source.signal, stop.signal]);
  let received = 0;
  const ended = watchRate({ clock: source.clock, signal, stop, receivedBytes: () => received });
  try {
    const from = position > 0 ? position : null;
    const answer = await request(source, { sha256: blob.sha256, from, to: null, signal });
    if (!answer.isPartial && position > 0) {
      await file.truncate(0);
      position = 0;
    }
    const isResumed = position > 0;
    for await (const chunk of answer.body) {
      if (position + chunk.length > blob.length) {
        await file.truncate(0);
        throw new CodedError('fetch-mismatch', `blob ${blob.sha256} is longer than was signed`);
      }
      await writeAll(file, chunk, position);
      position += chunk.length;
      received += chunk.length;
      blob.onBytes(chunk.length);
    }
    if (position < blob.length)
      throw new CodedError('fetch-failed', `blob ${blob.sha256} was cut short`);
    return isResumed;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw networkError(error, source, blob.sha256);
  } finally {
    stop.abort();
    await ended;
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < chunk.length; ) {
    const { bytesWritten } = await file.write(
      chunk,
      written,
      chunk.length - written,
      position + written,
    );
    written += bytesWritten;
  }
}

/** Ends the fetch when a whole window brought less than the least rate. Resolves when the fetch is over. */
async function watchRate(options: {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly stop: AbortController;
  readonly receivedBytes: () => number;
}): Promise<void> {
  const { clock, signal, stop, receivedBytes } = options;
  let before = 0;
  while (!signal.aborted) {
    try {
      await clock.sleep(FETCH_LIMITS.rateWindowMs, signal);
    } catch {
      return;
    }
    const now = receivedBytes();
    if (now - before < FETCH_LIMITS.rateBytesMin) {
      stop.abort(new CodedError('fetch-stalled', 'less than 1 KiB/s arrived for 60 s'));
    }
    before = now;
  }
}

interface Answer {
  readonly body: Readable;
  /** The body begins where was asked; else at the blob's start. */
  readonly isPartial: boolean;
  /** Of the whole blob; null: the server does not say. */
  readonly bytesTotal: number | null;
}

async function request(
  source: BlobSource,
  what: {
    readonly sha256: string;
    /** Null: the whole blob. */
    readonly from: number | null;
    /** The last byte; null: the blob's. */
    readonly to: number | null;
    readonly signal: AbortSignal;
  },
): Promise<Answer> {
  const url = checkedUrl(addressOf(source.baseUrl, `${BLOBS_PATH}/${what.sha256}`));
  const { clock } = source;
  const way = await optionsOfWay(await source.way(), { url, clock, signal: what.signal });
  // Loaded here: it costs 67 ms of start-up, and most starts fetch nothing.
  const { default: got } = await import('got');
  const body = got.stream(url, {
    headers: what.from === null ? {} : { range: `bytes=${what.from}-${what.to ?? ''}` },
    followRedirect: false,
    throwHttpErrors: false,
    decompress: false,
    retry: { limit: 0 },
    timeout: { connect: FETCH_LIMITS.connectMs, response: FETCH_LIMITS.answerMs },
    signal: what.signal,
    ...gotOptionsOf(way),
  });
  const { statusCode, headers } = await new Promise<Head>((resolve, reject) => {
    body.once('response', resolve);
    body.once('error', reject);
  });
  const refuse = (error: CodedError): never => {
    body.destroy();
    throw error;
  };
  if (statusCode === 200) {
    return { body, isPartial: false, bytesTotal: numberOf(headers['content-length']) };
  }
  if (statusCode === 206) {
    const range = String(headers['content-range'] ?? '');
    if (range.startsWith(`bytes ${what.from}-`)) {
      return { body, isPartial: true, bytesTotal: numberOf(range.split('/')[1]) };
    }
    return refuse(new CodedError('fetch-refused', `${url.href} is answered with another range`));
  }
  if (statusCode === 404)
    return refuse(new CodedError('blob-missing', `${url.origin} has no blob ${what.sha256}`));
  const isPassing = statusCode >= 500 || statusCode === 429 || statusCode === 408;
  return refuse(
    new CodedError(
      isPassing ? 'fetch-failed' : 'fetch-refused',
      `${url.href} is answered with ${statusCode}`,
    ),
  );
}

interface Head {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
}

function numberOf(text: unknown): number | null {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function gotOptionsOf({ ca, createConnection }: WayOptions) {
  return {
    ...(ca === undefined ? {} : { https: { certificateAuthority: ca } }),
    ...(createConnection === undefined ? {} : { createConnection }),
  };
}

function networkError(error: unknown, { baseUrl }: BlobSource, sha256: string): unknown {
  if (error instanceof CodedError) return error;
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EIO' || code === 'EROFS') return error;
  const why = error instanceof Error ? error.message : String(error);
  const message = `cannot fetch blob ${sha256} from ${baseUrl}: ${why}`;
  return new CodedError('fetch-failed', message, { cause: error });
}
