/*
 * Metadata and blobs as static files: GET and HEAD, one range, ETags. Names are matched letter by letter before they
 * become paths, and files are opened without following links: nothing outside can be reached.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { isSha256 } from '@moult/core/manifest';
import { BLOBS_PATH, TUF_PATH } from '@moult/core/release-document';
import type { BlobStore } from '@moult/release/blob-store';
import { servedDirOf } from '@moult/release/repository';
import { codeOf } from '@moult/runtime/files';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';

const SEGMENT = /^[A-Za-z0-9_@+-][A-Za-z0-9_@+.-]*$/;
const SEGMENTS_MAX = 6;
const CHARACTERS_MAX = 300;

export interface StaticFilesOptions {
  readonly blobStore: BlobStore;
  readonly repositoryDir: string;
}

export function serveStaticFiles(app: FastifyInstance, options: StaticFilesOptions): void {
  // Named here, HEAD is ours: fastify's own would read the whole file to learn its length.
  const get = (url: string, handler: RouteHandlerMethod): void => {
    app.route({ method: ['GET', 'HEAD'], url, handler });
  };
  get(`${BLOBS_PATH}/:sha256`, async (request, reply) => {
    const { sha256 } = request.params as { readonly sha256: string };
    if (!isSha256(sha256)) throw noFile();
    const file = await openFile(options.blobStore.pathOf(sha256));
    reply.header('cache-control', 'public, max-age=31536000, immutable');
    return sendFile(request, reply, {
      file,
      etag: `"${sha256}"`,
      type: 'application/octet-stream',
    });
  });
  get(`${TUF_PATH}/*`, async (request, reply) => {
    const { '*': rest } = request.params as { readonly '*': string };
    const segments = rest.split('/');
    const isSane = rest.length <= CHARACTERS_MAX && segments.length <= SEGMENTS_MAX;
    if (!isSane || !segments.every((segment) => SEGMENT.test(segment))) throw noFile();
    const file = await openFile(join(servedDirOf(options.repositoryDir), ...segments));
    const { mtimeMs, size, ino } = await file.stat();
    reply.header('cache-control', 'no-cache');
    const etag = `"${ino.toString(16)}-${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}"`;
    return sendFile(request, reply, { file, etag, type: 'application/json' });
  });
}

interface Served {
  readonly file: FileHandle;
  readonly etag: string;
  readonly type: string;
}

async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  served: Served,
): Promise<FastifyReply> {
  const { file, etag } = served;
  const { size } = await file.stat();
  reply.header('etag', etag).header('accept-ranges', 'bytes').type(served.type);
  if (request.headers['if-none-match']?.split(',').some((one) => one.trim() === etag)) {
    await file.close();
    return reply.code(304).send();
  }
  const ifRange = request.headers['if-range'];
  const isRangeWanted = ifRange === undefined || ifRange === etag;
  const range = isRangeWanted ? rangeOf(request.headers.range, size) : null;
  if (range === 'unsatisfiable') {
    await file.close();
    return reply.code(416).header('content-range', `bytes */${size}`).send();
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  if (range !== null) reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`);
  reply.header('content-length', end - start + 1);
  if (request.method === 'HEAD' || size === 0) {
    await file.close();
    return reply.send(size === 0 && request.method !== 'HEAD' ? '' : undefined);
  }
  return reply.send(file.createReadStream({ start, end }));
}

/** One range of bytes; null for none, for several (the whole is a legal answer), and for what is no range. */
function rangeOf(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return null;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start >= size || (first === '' && Number(last) === 0)) return 'unsatisfiable';
  return end < start ? null : { start, end };
}

async function openFile(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') throw noFile();
    throw cause;
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw noFile();
}

function noFile(): CodedError {
  return new CodedError('not-found', 'there is no such file');
}
