import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { encodeManifest } from '@moult/core/manifest';
import { beforeAll, describe, expect, test } from 'vitest';
import { type BlobStore, openBlobStore } from '../src/blob-store.ts';
import { sha256Of } from '../src/digest.ts';
import { importPack } from '../src/pack.ts';
import { type RawEntry, rawPack, rawTar, soundEntries } from './support/raw-pack.ts';
import { type SmallRelease, smallRelease, temporaryDir } from './support/release-tree.ts';

let dir: string;
let release: SmallRelease;
let sound: RawEntry[];

beforeAll(async () => {
  dir = await temporaryDir();
  release = await smallRelease({ dir, version: '1.0.0' });
  const contents: Record<string, string> = {};
  for (const { path } of release.manifest.files) {
    contents[path] = await readFile(join(release.treeDir, path), 'utf8');
  }
  sound = soundEntries(release, contents);
});

const MIB = 1024 * 1024;

function without(path: string): RawEntry[] {
  return sound.filter((entry) => entry.path !== path);
}

function swapped(path: string, change: Partial<RawEntry>): RawEntry[] {
  return sound.map((entry) => (entry.path === path ? { ...entry, ...change } : entry));
}

/** A sound beginning with one entry more. */
function plus(entry: RawEntry): Buffer {
  return rawPack([...sound, entry]);
}

function soundTar(): Buffer {
  return rawTar(sound);
}

function bombEntries(): RawEntry[] {
  const content = Buffer.alloc(64 * MIB);
  const file = {
    path: 'bin/node',
    sha256: sha256Of(content),
    length: content.length,
    executable: true,
  };
  const manifest = { ...release.manifest, files: [file], program: 'bin/node', script: 'bin/node' };
  return [
    { path: 'manifest.json', content: encodeManifest(manifest) },
    { path: 'bin/node', content },
  ];
}

const HOSTILE: readonly {
  readonly what: string;
  readonly code: string;
  readonly pack: () => Buffer;
}[] = [
  {
    what: 'a path that climbs out',
    code: 'pack-traversal',
    pack: () => plus({ path: '../evil', content: 'x' }),
  },
  {
    what: 'a path that climbs out from within',
    code: 'pack-traversal',
    pack: () => plus({ path: 'lib/../../evil' }),
  },
  {
    what: 'an absolute path',
    code: 'pack-traversal',
    pack: () => plus({ path: '/etc/cron.d/evil', content: 'x' }),
  },
  {
    what: 'a path with backslashes',
    code: 'pack-traversal',
    pack: () => plus({ path: 'lib\\..\\evil' }),
  },
  { what: 'a drive letter', code: 'pack-traversal', pack: () => plus({ path: 'C:evil' }) },
  {
    what: 'a symbolic link',
    code: 'pack-link',
    pack: () => plus({ path: 'lib/link', type: 'SymbolicLink', linkpath: '/etc/passwd' }),
  },
  {
    what: 'a hard link',
    code: 'pack-link',
    pack: () => plus({ path: 'lib/link', type: 'Link', linkpath: 'bin/node' }),
  },
  {
    what: 'a link in the place of a named file',
    code: 'pack-link',
    pack: () =>
      rawPack([
        ...without('LICENSE'),
        { path: 'LICENSE', type: 'SymbolicLink', linkpath: 'bin/node' },
      ]),
  },
  {
    what: 'a character device',
    code: 'pack-device',
    pack: () => plus({ path: 'lib/tty', type: 'CharacterDevice' }),
  },
  {
    what: 'a block device',
    code: 'pack-device',
    pack: () => plus({ path: 'lib/sda', type: 'BlockDevice' }),
  },
  { what: 'a pipe', code: 'pack-device', pack: () => plus({ path: 'lib/pipe', type: 'FIFO' }) },
  {
    what: 'a set-user-id file',
    code: 'pack-setuid',
    pack: () => rawPack(swapped('bin/node', { mode: 0o4755 })),
  },
  {
    what: 'a set-group-id file',
    code: 'pack-setuid',
    pack: () => rawPack(swapped('bin/node', { mode: 0o2755 })),
  },
  {
    what: 'a sticky directory',
    code: 'pack-setuid',
    pack: () => plus({ path: 'lib', type: 'Directory', mode: 0o1777 }),
  },
  {
    what: 'one file twice',
    code: 'pack-twin',
    pack: () => plus({ path: 'LICENSE', content: 'other' }),
  },
  {
    what: 'a twin by case',
    code: 'pack-twin',
    pack: () => plus({ path: 'License', content: 'other' }),
  },
  {
    what: 'the manifest twice',
    code: 'pack-twin',
    pack: () => plus({ path: 'manifest.json', content: '{}' }),
  },
  {
    what: 'a file that is not named',
    code: 'pack-extra-file',
    pack: () => plus({ path: 'lib/more.cjs', content: 'x' }),
  },
  {
    what: 'a directory that is not needed',
    code: 'pack-extra-file',
    pack: () => plus({ path: 'share', type: 'Directory' }),
  },
  {
    what: 'a dot directory',
    code: 'pack-extra-file',
    pack: () => plus({ path: './', type: 'Directory' }),
  },
  {
    what: 'no file that is named',
    code: 'pack-missing-file',
    pack: () => rawPack(without('LICENSE')),
  },
  {
    what: 'a file of other content',
    code: 'pack-hash-mismatch',
    pack: () => rawPack(swapped('LICENSE', { content: 'Apache-2.1\n' })),
  },
  {
    what: 'a file of another length',
    code: 'pack-hash-mismatch',
    pack: () => rawPack(swapped('LICENSE', { content: '' })),
  },
  {
    what: 'no manifest first',
    code: 'pack-manifest-missing',
    pack: () => rawPack([...without('manifest.json')]),
  },
  {
    what: 'a manifest that is a directory',
    code: 'pack-manifest-missing',
    pack: () => rawPack([{ path: 'manifest.json/', type: 'Directory' }]),
  },
  {
    what: 'a manifest that is none',
    code: 'manifest-invalid',
    pack: () => rawPack(swapped('manifest.json', { content: '{}' })),
  },
  {
    what: 'a manifest of a megabyte',
    code: 'pack-too-large',
    pack: () => rawPack(swapped('manifest.json', { content: ' '.repeat(MIB) })),
  },
  {
    what: 'thousands of directory entries',
    code: 'pack-twin',
    pack: () =>
      rawPack([
        ...sound,
        ...Array.from({ length: 3000 }, () => ({ path: 'lib', type: 'Directory' })),
      ]),
  },
  { what: 'a bomb', code: 'pack-bomb', pack: () => rawPack(bombEntries()) },
  {
    what: 'a bomb of extended headers',
    code: 'pack-bomb',
    pack: () =>
      gzipSync(
        Buffer.concat([
          rawTar(sound, false),
          Buffer.alloc(64 * MIB, rawTar([{ path: 'x', type: 'ExtendedHeader' }], false)),
        ]),
      ),
  },
  {
    what: 'an end in the middle of the stream',
    code: 'pack-truncated',
    pack: () => rawPack(sound).subarray(0, -40),
  },
  {
    what: 'an end in the middle of a file',
    code: 'pack-truncated',
    pack: () => gzipSync(soundTar().subarray(0, 3000)),
  },
  { what: 'no end mark', code: 'pack-truncated', pack: () => gzipSync(rawTar(sound, false)) },
  { what: 'text', code: 'pack-not-a-pack', pack: () => Buffer.from('hello '.repeat(1000)) },
  { what: 'nothing', code: 'pack-truncated', pack: () => Buffer.alloc(0) },
  { what: 'an archive that is not compressed', code: 'pack-not-a-pack', pack: soundTar },
  {
    what: 'compressed noise',
    code: 'pack-not-a-pack',
    pack: () => gzipSync(Buffer.alloc(4096, 'noise')),
  },
  { what: 'an archive of nothing', code: 'pack-not-a-pack', pack: () => rawPack([]) },
  {
    what: 'a header with a wrong checksum',
    code: 'pack-not-a-pack',
    pack: () => {
      const tar = soundTar();
      tar.write('99999', BLOCK_OF_SECOND_ENTRY + 100);
      return gzipSync(tar);
    },
  },
  {
    what: 'a changed byte in a file',
    code: 'pack-hash-mismatch',
    pack: () => {
      const tar = soundTar();
      tar.write('Bpache', tar.indexOf('Apache-2.0'));
      return gzipSync(tar);
    },
  },
];

const BLOCK_OF_SECOND_ENTRY = 512 * 3;

async function isEmpty(blobStore: BlobStore): Promise<boolean> {
  const staging = await readdir(join(blobStore.dir, 'staging'));
  const blobs = await readdir(join(blobStore.dir, 'sha256'));
  return staging.length === 0 && blobs.length === 0;
}

let stores = 0;

async function importBytes(
  bytes: Buffer,
): Promise<{ readonly blobStore: BlobStore; readonly importing: Promise<unknown> }> {
  stores += 1;
  const blobStore = await openBlobStore(join(dir, `store-${stores}`));
  const packPath = join(dir, `pack-${stores}.tar.gz`);
  await writeFile(packPath, bytes);
  return { blobStore, importing: importPack(packPath, blobStore) };
}

describe('importing a pack', () => {
  test('the sound pack that the hostile ones are made from is taken (RL2)', async () => {
    const { blobStore, importing } = await importBytes(rawPack(sound));
    await expect(importing).resolves.toMatchObject({ digest: release.digest });
    expect(await blobStore.verify(release.digest)).toBe(true);
    expect(await readdir(join(blobStore.dir, 'staging'))).toEqual([]);
  });

  test.each(HOSTILE)(
    'T6: $what is refused as $code, and leaves nothing behind (RL1, RL3)',
    async ({ code, pack }) => {
      const { blobStore, importing } = await importBytes(pack());
      await expect(importing).rejects.toMatchObject({ code });
      expect(await isEmpty(blobStore)).toBe(true);
    },
  );

  test('T6: a pack cut after any block is refused and leaves nothing behind', async () => {
    const tar = gunzipSync(rawPack(sound));
    for (let length = 0; length < tar.length - 1024; length += 512) {
      const { blobStore, importing } = await importBytes(gzipSync(tar.subarray(0, length)));
      await expect(importing, `cut at ${length}`).rejects.toMatchObject({
        code: expect.stringMatching(/^pack-/),
      });
      expect(await isEmpty(blobStore)).toBe(true);
    }
  });

  test('a pack that is not there says so', async () => {
    const blobStore = await openBlobStore(join(dir, 'store-none'));
    await expect(importPack(join(dir, 'none.tar.gz'), blobStore)).rejects.toMatchObject({
      code: 'pack-unreadable',
    });
  });

  test('two imports of one pack at once both succeed (RL10)', async () => {
    const blobStore = await openBlobStore(join(dir, 'store-twice'));
    const packPath = join(dir, 'twice.tar.gz');
    await writeFile(packPath, rawPack(sound));
    await Promise.all([importPack(packPath, blobStore), importPack(packPath, blobStore)]);
    for (const file of release.manifest.files)
      expect(await blobStore.verify(file.sha256)).toBe(true);
  });
});
