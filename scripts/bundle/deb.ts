/*
 * A Debian package of a bundled `moult`: the program below /usr/lib/moult, a link to it in /usr/bin, papers below
 * /usr/share/doc/moult, and no scripts. Nothing of it lies where an agent lives (/opt/moult, /etc/moult, /var/lib/moult):
 * whatever is installed, exchanged or removed here, an agent goes on with the version that it has (I14).
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Platform } from '@moult/core/platform';
import type { Version } from '@moult/core/versions';
import type { TarEntry } from '../../packages/release/src/tar-stream.ts';
import { arOf } from './ar.ts';
import { gzippedTar } from './gzipped-tar.ts';
import { directoriesOf, treeEntries } from './tree-entries.ts';

export interface DebOptions {
  /** A bundled `moult`. */
  readonly treeDir: string;
  readonly version: Version;
  readonly platform: Platform;
  readonly mtimeMs: number;
  readonly compressionLevel: number;
}

export const DEB_ARCHITECTURES: Readonly<Record<Platform, string>> = {
  'linux-x64': 'amd64',
  'linux-arm64': 'arm64',
};

const LIB = 'usr/lib/moult';
const DOC = 'usr/share/doc/moult';
/** Of a bundle, what makes the program; all else is papers. */
const PROGRAM_DIRS = ['bin', 'lib'];

const COPYRIGHT = `Moult is under the Apache License, version 2.0: LICENSE beside this file, and
/usr/share/common-licenses/Apache-2.0.

Its runtime, /usr/lib/moult/bin/node, is Node.js: LICENSE.node beside this file.
What is bundled into its scripts is named, with its licences, in NOTICES.
`;

export async function debOf(options: DebOptions): Promise<Buffer> {
  const { mtimeMs, compressionLevel } = options;
  const files = await packagedFiles(options.treeDir);
  const data = [...directoriesOf(files), ...files].map(fromRoot);
  const sums = await sumsOf(files);
  const control: readonly TarEntry[] = [
    { kind: 'directory', path: '.' },
    textFile('./control', controlText({ ...options, installedBytes: sums.bytes })),
    textFile('./md5sums', sums.text),
  ];
  const archive = { mtimeMs, compressionLevel };
  return arOf(
    [
      { name: 'debian-binary', content: Buffer.from('2.0\n') },
      { name: 'control.tar.gz', content: await gzippedTar(control, archive) },
      {
        name: 'data.tar.gz',
        content: await gzippedTar([{ kind: 'directory', path: '.' }, ...data], archive),
      },
    ],
    { mtimeMs },
  );
}

/** `1.2.0-rc.1` comes before `1.2.0`: a hyphen would begin a revision of Debian's, a tilde sorts before the end. */
export function debVersionOf(version: Version): string {
  return version.replace('-', '~').replaceAll('-', '.');
}

async function packagedFiles(treeDir: string): Promise<readonly TarEntry[]> {
  const placed = (await treeEntries(treeDir)).map((entry): TarEntry => {
    const isProgram = PROGRAM_DIRS.some((dir) => entry.path.startsWith(`${dir}/`));
    return { ...entry, path: `${isProgram ? LIB : DOC}/${entry.path}` };
  });
  const files: readonly TarEntry[] = [
    ...placed,
    textFile(`${DOC}/copyright`, COPYRIGHT),
    { kind: 'link', path: 'usr/bin/moult', target: '../lib/moult/bin/moult' },
  ];
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function fromRoot(entry: TarEntry): TarEntry {
  return { ...entry, path: `./${entry.path}` };
}

function textFile(path: string, text: string): TarEntry {
  return { kind: 'file', path, isExecutable: false, content: Buffer.from(text) };
}

/** The runtime's own needs: glibc 2.28, and the C++ library of GCC 5. */
const DEPENDS = 'libc6 (>= 2.28), libstdc++6 (>= 5), libgcc-s1 | libgcc1';
const KIB = 1_024;

export function controlText(
  of: Pick<DebOptions, 'version' | 'platform'> & { readonly installedBytes: number },
): string {
  return `Package: moult
Version: ${debVersionOf(of.version)}
Architecture: ${DEB_ARCHITECTURES[of.platform]}
Maintainer: The Moult authors <moult@moult.invalid>
Installed-Size: ${Math.ceil(of.installedBytes / KIB)}
Depends: ${DEPENDS}
Section: admin
Priority: optional
Description: keeps a fleet of host agents on the version their operators chose
 The moult program: for operators the command line, for servers the coordinator,
 for hosts what enrolls and installs an agent.
 .
 Agents upgrade themselves, signed release by signed release, and live in
 /opt/moult. Installing, exchanging or removing this package changes no agent.
`;
}

/** As `md5sum` prints them, of files alone; and the bytes of all. */
async function sumsOf(
  entries: readonly TarEntry[],
): Promise<{ readonly text: string; readonly bytes: number }> {
  let text = '';
  let bytes = 0;
  for (const entry of entries) {
    if (entry.kind !== 'file') continue;
    const { content } = entry;
    const read = typeof content === 'string' ? await readFile(content) : content;
    text += `${createHash('md5').update(read).digest('hex')}  ${entry.path}\n`;
    bytes += read.length;
  }
  return { text, bytes };
}
