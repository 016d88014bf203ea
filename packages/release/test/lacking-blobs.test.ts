/* PF12: what a release lacks on a host, and whether it can be had, asked of a real server on loopback. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type LackingBlobs, lackingBlobs } from '../src/lacking-blobs.ts';
import { stageSlot } from '../src/slot.ts';
import type { SmallRelease } from './support/release-tree.ts';
import { type Host, newHost, startWorld, type World } from './support/world.ts';

const NOBODY = AbortSignal.any([]);

function sourceOf(world: World, more: { readonly signal?: AbortSignal } = {}) {
  const way = async () => ({ ca: null, proxy: null });
  return { baseUrl: world.baseUrl, way, clock: world.clock, signal: NOBODY, ...more };
}

function lacking(world: World, { layout }: Host, { manifest }: SmallRelease) {
  return lackingBlobs(sourceOf(world), { manifest, layout });
}

async function stage(world: World, host: Host, { manifest }: SmallRelease) {
  const proof = await host.trust.manifest(manifest);
  return stageSlot({ ...sourceOf(world), manifest: proof, layout: host.layout });
}

function fileOf(release: SmallRelease, path: string) {
  const file = release.manifest.files.find((one) => one.path === path);
  if (file === undefined) throw new Error(`no ${path}`);
  return file;
}

async function lost(world: World, sha256: string, work: () => Promise<LackingBlobs>) {
  const path = world.blobStore.pathOf(sha256);
  await rename(path, `${path}.away`);
  try {
    return await work();
  } finally {
    await rename(`${path}.away`, path);
  }
}

test('PF12: a byte of each blob that no slot has is asked for, and nothing is fetched', async () => {
  const world = await startWorld();
  const host = await newHost(world);
  const first = await world.release({ version: '1.0.0' });
  const { files } = first.manifest;
  world.requests.length = 0;
  expect(await lacking(world, host, first)).toEqual({
    count: 3,
    bytes: files.reduce((sum, { length }) => sum + length, 0),
    ...{ from: world.baseUrl, asked: 3, trouble: null },
  });
  expect(world.requests.map(({ range }) => range)).toEqual(files.map(() => 'bytes=0-0'));
  await expect(readdir(host.layout.stagingDir)).rejects.toThrow('ENOENT');

  const { slotDir } = await stage(world, host, first);
  const next = await world.release({ version: '1.0.1' });
  const script = fileOf(next, 'lib/agent.cjs');
  const lacked = { count: 1, bytes: script.length, from: world.baseUrl, asked: 1, trouble: null };
  expect(await lacking(world, host, next)).toEqual(lacked);
  // A file that somebody has cut short in its slot is fetched.
  await truncate(join(slotDir, 'bin/node'), 1);
  expect(await lacking(world, host, next)).toMatchObject({ count: 2 });
});

test('PF12: nobody is asked for what lies whole in the drop folder, or in the slot of this very release', async () => {
  const world = await startWorld();
  const host = await newHost(world);
  const release = await world.release({ version: '1.0.0' });
  const { dropDir } = host.layout;
  await mkdir(dropDir, { recursive: true });
  for (const { path, sha256 } of release.manifest.files) {
    await copyFile(join(release.treeDir, path), join(dropDir, sha256));
  }
  world.requests.length = 0;
  const nothing = { count: 0, bytes: 0, asked: 0, trouble: null };
  expect(await lacking(world, host, release)).toMatchObject(nothing);
  expect(world.requests).toEqual([]);
  const { sha256 } = fileOf(release, 'bin/node');
  await truncate(join(dropDir, sha256), 1);
  expect(await lacking(world, host, release)).toMatchObject({ count: 1, asked: 1 });
  await stage(world, host, release);
  await rm(dropDir, { recursive: true });
  expect(await lacking(world, host, release)).toMatchObject(nothing);
});

test('PF12: what cannot be had is named with its file, the address and what came', async () => {
  const world = await startWorld();
  const host = await newHost(world);
  const release = await world.release({ version: '1.0.0' });
  const { sha256 } = fileOf(release, 'lib/agent.cjs');
  const missing = await lost(world, sha256, () => lacking(world, host, release));
  expect(missing).toMatchObject({ count: 3, asked: 3 });
  expect(missing.trouble).toEqual({
    code: 'blob-missing',
    message: `lib/agent.cjs: ${world.baseUrl} has no blob ${sha256}`,
  });

  const blobPath = world.blobStore.pathOf(sha256);
  await copyFile(blobPath, `${blobPath}.kept`);
  await truncate(blobPath, 3);
  const { trouble } = await lacking(world, host, release);
  expect(trouble?.code).toBe('fetch-mismatch');
  expect(trouble?.message).toMatch(/has 3 bytes there, \d+ were signed/);
  await rename(`${blobPath}.kept`, blobPath);

  for (const [status, code] of [
    [503, 'fetch-failed'],
    [403, 'fetch-refused'],
    [302, 'fetch-refused'],
  ] as const) {
    world.intruder = (_request, response) => {
      response.writeHead(status, { location: '/elsewhere' }).end();
      return true;
    };
    const refused = await lacking(world, host, release);
    expect(refused.trouble).toMatchObject({ code });
    expect(refused.trouble?.message).toContain(`is answered with ${status}`);
  }
  world.intruder = (request) => {
    request.socket.destroy();
    return true;
  };
  const cut = await lacking(world, host, release);
  expect(cut.trouble?.code).toBe('fetch-failed');
  expect(cut.trouble?.message).toContain(`from ${world.baseUrl}: `);
});

test('PF12: a server that knows no ranges is believed, and not listened to any further', async () => {
  const world = await startWorld();
  const host = await newHost(world);
  const release = await world.release({ version: '1.0.0' });
  const ended: boolean[] = [];
  const closed: Promise<void>[] = [];
  const lengths = new Map(release.manifest.files.map(({ sha256, length }) => [sha256, length]));
  world.intruder = (request, response) => {
    const length = lengths.get(request.url?.split('/').at(-1) ?? '') ?? 0;
    response.writeHead(200, { 'content-length': length });
    response.flushHeaders();
    closed.push(
      new Promise((resolve) => {
        response.on('close', () => {
          ended.push(response.writableFinished);
          resolve();
        });
      }),
    );
    return true;
  };
  expect(await lacking(world, host, release)).toMatchObject({ asked: 3, trouble: null });
  await Promise.all(closed);
  expect(ended).toEqual([false, false, false]);
});

test('PF12: a server that never answers is waited for no longer than fetching would, and a stop ends it', async () => {
  const world = await startWorld();
  const host = await newHost(world);
  const { manifest } = await world.release({ version: '1.0.0' });
  let asked: () => void = () => undefined;
  const heard = () =>
    new Promise<void>((resolve) => {
      asked = resolve;
    });
  world.intruder = () => {
    asked();
    return true;
  };
  let wasAsked = heard();
  const silent = lackingBlobs(sourceOf(world), { manifest, layout: host.layout });
  await wasAsked;
  world.clock.advance(45_000);
  expect((await silent).trouble).toEqual({
    code: 'fetch-failed',
    message: expect.stringContaining(`${world.baseUrl} does not answer within 45 s`),
  });
  const stop = new AbortController();
  wasAsked = heard();
  const stopped = lackingBlobs(sourceOf(world, { signal: stop.signal }), {
    manifest,
    layout: host.layout,
  });
  await wasAsked;
  stop.abort(new Error('stopped by the test'));
  await expect(stopped).rejects.toThrow('stopped by the test');
});

test('PF12: of many, the eight largest are asked for; an empty one never is', async () => {
  const world = await startWorld();
  const host = await newHost(world);
  const files: Record<string, string> = { 'lib/empty': '', 'lib/again': '0' };
  for (let index = 0; index < 10; index++) files[`lib/${index}`] = '0'.repeat(index + 1);
  const release = await world.release({ version: '1.0.0', files });
  const blobs = new Set(release.manifest.files.map(({ sha256 }) => sha256));
  world.requests.length = 0;
  expect(await lacking(world, host, release)).toMatchObject({ count: blobs.size, asked: 8 });
  const asked = world.requests.map(({ path }) => path.split('/').at(-1));
  for (const text of ['', '0', '00', '000']) {
    expect(asked).not.toContain(createHash('sha256').update(text).digest('hex'));
  }
});
