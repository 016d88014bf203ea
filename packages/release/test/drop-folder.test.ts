import { spawnSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DropEvent, stageSlot, verifySlot } from '../src/slot.ts';
import type { SmallRelease } from './support/release-tree.ts';
import { type Host, newHost, startWorld, type World } from './support/world.ts';

interface Carried {
  readonly world: World;
  readonly host: Host;
  readonly release: SmallRelease;
  readonly pathOf: (path: string) => string;
}

/** A host on which every blob of a release lies in the drop folder. */
async function carried(): Promise<Carried> {
  const world = await startWorld();
  const host = await newHost(world);
  const release = await world.release({ version: '1.0.0' });
  await mkdir(host.layout.dropDir, { recursive: true });
  const shaOf = (path: string) =>
    release.manifest.files.find((file) => file.path === path)?.sha256 ?? '';
  for (const { path, sha256 } of release.manifest.files) {
    const bytes = await readFile(join(release.treeDir, path));
    await writeFile(join(host.layout.dropDir, sha256), bytes);
  }
  return { world, host, release, pathOf: (path) => join(host.layout.dropDir, shaOf(path)) };
}

async function staged({ world, host, release }: Carried, onDrop?: (event: DropEvent) => void) {
  const { component, version, platform } = release.manifest;
  const manifest = await host.trust.manifest({ component, version, platform });
  const before = world.requests.length;
  const events: DropEvent[] = [];
  const slot = await stageSlot({
    ...{ manifest, layout: host.layout, baseUrl: world.baseUrl, clock: world.clock },
    way: async () => ({ ca: null, proxy: null }),
    signal: new AbortController().signal,
    onDrop: (event) => {
      events.push(event);
      onDrop?.(event);
    },
  });
  const verdict = await verifySlot({ dir: slot.slotDir, digest: release.digest });
  expect(verdict.kind).toBe('sound');
  const asked = world.requests.slice(before).map(({ path }) => path);
  return { ...slot, events, asked };
}

describe('the drop folder', () => {
  test('RL44: a release whose blobs were carried here is staged without a byte from the network', async () => {
    const all = await carried();
    const bytes = all.release.manifest.files.reduce((sum, file) => sum + file.length, 0);
    const slot = await staged(all);
    expect(slot).toMatchObject({ bytesFetched: 0, blobsFetched: 0, blobsDropped: 3 });
    expect(slot.bytesDropped).toBe(bytes);
    expect(slot.asked).toEqual([]);
    expect(slot.events).toEqual([{ kind: 'used', files: 3, bytes }]);
    // A copy of our own, with the mode that was signed: what happens on the medium later is no matter.
    const program = await stat(join(slot.slotDir, 'bin/node'));
    expect(program.mode & 0o777).toBe(0o755);
    expect(program.ino).not.toBe((await stat(all.pathOf('bin/node'))).ino);
  });

  test('RL44: what is not in it is fetched, and what a slot has already is taken from there', async () => {
    const all = await carried();
    await rm(all.pathOf('LICENSE'));
    expect(await staged(all)).toMatchObject({ blobsFetched: 1, blobsDropped: 2, blobsLinked: 0 });
    const release = await all.world.release({ version: '1.0.1' });
    const next = await staged({ ...all, release });
    expect(next).toMatchObject({ blobsFetched: 1, blobsDropped: 0, blobsLinked: 2 });
    expect(next.events).toEqual([]);
  });

  const replace = async (path: string, make: (path: string) => Promise<unknown> | unknown) => {
    await rm(path);
    await make(path);
  };
  const truncated = async (path: string) => {
    await writeFile(path, '');
    await truncate(path, 1_099_511_627_776);
  };
  const other = async (path: string) => {
    const length = (await stat(path)).size;
    await writeFile(path, 'x'.repeat(length));
  };
  test.each<[string, (path: string) => Promise<unknown> | unknown, string]>([
    [
      'a link to the right bytes',
      async (path) => {
        await rename(path, `${path}.real`);
        await symlink(`${path}.real`, path);
      },
      'not a regular file',
    ],
    [
      'a link into the air',
      (path) => replace(path, (at) => symlink('/not/there', at)),
      'not a regular file',
    ],
    [
      'a pipe that nobody writes to',
      (path) => replace(path, (at) => spawnSync('mkfifo', [at])),
      'not a regular file',
    ],
    ['a directory', (path) => replace(path, (at) => mkdir(at)), 'not a regular file'],
    ['a device', (path) => replace(path, (at) => symlink('/dev/zero', at)), 'not a regular file'],
    [
      'a file without end',
      (path) => replace(path, (at) => truncated(at)),
      'it has 1099511627776 bytes, and should have',
    ],
    ['an empty file', (path) => writeFile(path, ''), 'it has 0 bytes'],
    ['other bytes of the right length', other, 'of other content'],
  ])('RL45: %s is passed over, named, and the blob is fetched', async (_what, spoil, why) => {
    const all = await carried();
    const path = all.pathOf('lib/agent.cjs');
    await spoil(path);
    const slot = await staged(all);
    expect(slot).toMatchObject({ blobsFetched: 1, blobsDropped: 2 });
    const [ignored, used] = slot.events;
    expect(ignored).toMatchObject({ kind: 'ignored', path, why: expect.stringContaining(why) });
    expect(used).toMatchObject({ kind: 'used', files: 2 });
  });

  test('RL45: files that change all the time are used only as what was signed', async () => {
    const all = await carried();
    const path = all.pathOf('bin/node');
    const right = await readFile(path);
    const wrong = Buffer.alloc(right.length, 'x');
    let isOver = false;
    const swapping = (async () => {
      for (let turn = 0; !isOver; turn += 1) {
        await writeFile(`${path}.new`, turn % 2 === 0 ? wrong : right);
        await rename(`${path}.new`, path);
      }
    })();
    try {
      for (let round = 0; round < 8; round += 1) {
        await rm(join(all.host.layout.prefixDir, 'versions'), { recursive: true, force: true });
        const slot = await staged(all);
        expect(slot.blobsFetched + slot.blobsDropped).toBe(3);
      }
    } finally {
      isOver = true;
      await swapping;
    }
  });

  test.runIf(process.getuid?.() !== 0)('a file that this user may not read is named', async () => {
    const all = await carried();
    await chmod(all.pathOf('LICENSE'), 0o000);
    const { events } = await staged(all);
    expect(events[0]).toMatchObject({ why: 'unreadable (EACCES)' });
  });
});
