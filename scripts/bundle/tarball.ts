import { gzippedTar } from './gzipped-tar.ts';
import { directoriesOf, treeEntries } from './tree-entries.ts';

/** A bundled `moult` in one directory of its name, to be unpacked anywhere. */
export async function tarballOf(options: {
  readonly treeDir: string;
  /** Of the directory in it. */
  readonly name: string;
  readonly mtimeMs: number;
  readonly compressionLevel: number;
}): Promise<Buffer> {
  const files = (await treeEntries(options.treeDir)).map((entry) => ({
    ...entry,
    path: `${options.name}/${entry.path}`,
  }));
  return await gzippedTar([...directoriesOf(files), ...files], options);
}
