/*
 * A tar archive written entry by entry. Its bytes depend on the entries alone: everything is root's and of one time,
 * whoever makes it, wherever and when.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Header } from 'tar';

export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly isExecutable: boolean;
      /** The content, or the path of a file that has it. */
      readonly content: Uint8Array | string;
    };

const BLOCK_BYTES = 512;

/** In the order that is given. Throws for a path that fits no plain header: who names entries names them shorter. */
export async function* tarStream(
  entries: Iterable<TarEntry>,
  options: { readonly mtimeMs: number },
): AsyncGenerator<Uint8Array, void> {
  for (const entry of entries) {
    const length = await lengthOf(entry);
    yield headerOf(entry, { ...options, length });
    if (entry.kind !== 'file') continue;
    if (typeof entry.content === 'string') yield* exactly(entry.content, length);
    else yield entry.content;
    const beyond = length % BLOCK_BYTES;
    if (beyond > 0) yield new Uint8Array(BLOCK_BYTES - beyond);
  }
  // Two empty blocks end an archive.
  yield new Uint8Array(2 * BLOCK_BYTES);
}

async function lengthOf(entry: TarEntry): Promise<number> {
  if (entry.kind !== 'file') return 0;
  return typeof entry.content === 'string'
    ? (await stat(entry.content)).size
    : entry.content.length;
}

/** A file that grew or shrank meanwhile would shift all that comes behind it. */
async function* exactly(path: string, length: number): AsyncGenerator<Uint8Array, void> {
  let left = length;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    left -= chunk.length;
    yield chunk;
  }
  if (left !== 0) throw new Error(`${path} changed while it was read`);
}

const TYPES = { directory: 'Directory', link: 'SymbolicLink', file: 'File' } as const;

function headerOf(
  entry: TarEntry,
  of: { readonly mtimeMs: number; readonly length: number },
): Uint8Array {
  const header = new Header({
    type: TYPES[entry.kind],
    path: entry.kind === 'directory' ? `${entry.path}/` : entry.path,
    mode: modeOf(entry),
    uid: 0,
    gid: 0,
    uname: 'root',
    gname: 'root',
    size: of.length,
    mtime: new Date(of.mtimeMs),
    ...(entry.kind === 'link' ? { linkpath: entry.target } : {}),
  });
  header.encode();
  const { block } = header;
  if (header.needPax || block === undefined)
    throw new Error(`${entry.path} fits no header of an archive`);
  return block;
}

function modeOf(entry: TarEntry): number {
  if (entry.kind === 'link') return 0o777;
  return entry.kind === 'directory' || entry.isExecutable ? 0o755 : 0o644;
}
