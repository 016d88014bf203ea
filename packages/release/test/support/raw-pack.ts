/* Archives written by hand, so that they can be wrong in every way. */
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import type { SmallRelease } from './release-tree.ts';

export interface RawEntry {
  readonly path: string;
  readonly content?: string | Buffer;
  readonly type?: string;
  readonly mode?: number;
  readonly linkpath?: string;
}

const BLOCK = 512;

export function rawTar(entries: readonly RawEntry[], end = true): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const content = Buffer.from(entry.content ?? '');
    const block = Buffer.alloc(BLOCK);
    const header = new Header({
      path: entry.path,
      mode: entry.mode ?? 0o644,
      size: content.length,
      type: (entry.type ?? 'File') as 'File',
      mtime: new Date(0),
      uid: 0,
      gid: 0,
      ...(entry.linkpath === undefined ? {} : { linkpath: entry.linkpath }),
    });
    header.encode(block, 0);
    parts.push(block, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK));
  }
  if (end) parts.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(parts);
}

export function rawPack(entries: readonly RawEntry[]): Buffer {
  return gzipSync(rawTar(entries));
}

/** The entries of a sound pack. */
export function soundEntries(
  release: SmallRelease,
  contents: Readonly<Record<string, string>>,
): RawEntry[] {
  return [
    { path: 'manifest.json', content: release.manifestBytes },
    ...release.manifest.files.map((file) => ({
      path: file.path,
      content: contents[file.path] ?? '',
    })),
  ];
}
