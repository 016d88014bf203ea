import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { type TarEntry, tarStream } from '../../packages/release/src/tar-stream.ts';

/** In memory: the runtime, compressed, is some fifty megabytes. */
export async function gzippedTar(
  entries: Iterable<TarEntry>,
  options: { readonly mtimeMs: number; readonly compressionLevel: number },
): Promise<Buffer> {
  const gzip = createGzip({ level: options.compressionLevel });
  const archive = Readable.from(tarStream(entries, options));
  archive.on('error', (error) => gzip.destroy(error));
  return await buffer(archive.pipe(gzip));
}
