import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { auditBlobs } from '../src/audit-blobs.ts';
import { openBlobStore } from '../src/blob-store.ts';
import { importTree } from '../src/import-tree.ts';
import { type SmallRelease, smallRelease, temporaryDir } from './support/release-tree.ts';

async function storeOfTwo() {
  const dir = await temporaryDir();
  const blobs = await openBlobStore(join(dir, 'blobs'));
  const releases: { name: string; release: SmallRelease; digest: string }[] = [];
  for (const version of ['1.0.0', '1.1.0']) {
    const release = await smallRelease({ dir, version });
    await importTree(release, blobs);
    releases.push({ name: `agent ${version}`, release, digest: release.digest });
  }
  const audit = (isDeep: boolean) => {
    const told: number[] = [];
    const signal = new AbortController().signal;
    const onProgress = ({ part }: { readonly part: number }) => void told.push(part);
    const found = auditBlobs({ blobsDir: blobs.dir, releases, isDeep, signal, onProgress });
    return found.then((one) => ({ ...one, told }));
  };
  const blobOf = (index: number, path: string): string => {
    const files = releases[index]?.release.manifest.files ?? [];
    return blobs.pathOf(files.find((file) => file.path === path)?.sha256 ?? '');
  };
  return { blobs, releases, audit, blobOf };
}

test('what every release names is counted once, and is all there', async () => {
  const { audit } = await storeOfTwo();
  const found = await audit(false);
  // The runtime and the licence are shared.
  expect(found).toMatchObject({ files: 4, troubles: [] });
  expect(found.told).toHaveLength(4);
  expect(found.told.at(-1)).toBe(found.bytes);
});

test('a blob that is missing, or of another length, is named with its release', async () => {
  const { audit, blobOf } = await storeOfTwo();
  await rm(blobOf(1, 'lib/agent.cjs'));
  await writeFile(blobOf(0, 'LICENSE'), 'cut');
  const { troubles } = await audit(false);
  expect(troubles).toEqual([
    expect.stringMatching(/^agent 1\.0\.0: [0-9a-f]{64} is of another length$/),
    expect.stringMatching(/^agent 1\.1\.0: [0-9a-f]{64} is missing$/),
  ]);
});

test('DR4: one of other content is found by reading every byte, and by nothing less', async () => {
  const { audit, blobOf } = await storeOfTwo();
  const path = blobOf(0, 'lib/agent.cjs');
  const text = await readFile(path, 'utf8');
  await chmod(path, 0o644);
  await writeFile(path, text.replace('1', '7'));
  expect((await audit(false)).troubles).toEqual([]);
  expect((await audit(true)).troubles).toEqual([
    expect.stringMatching(/^agent 1\.0\.0: .* is damaged$/),
  ]);
});

test('a manifest that is gone or changed is named, and the other release is looked at all the same', async () => {
  const { audit, blobs, releases } = await storeOfTwo();
  const path = blobs.pathOf(releases[0]?.digest ?? '');
  await chmod(path, 0o644);
  await writeFile(path, '{}');
  expect(await audit(false)).toMatchObject({
    files: 3,
    troubles: [expect.stringMatching(/^agent 1\.0\.0: its manifest [0-9a-f]{64} is damaged$/)],
  });
  await rm(path);
  expect((await audit(false)).troubles).toEqual([expect.stringMatching(/is missing$/)]);
});
