/* Recorded once, never again: what hosts and repositories in the field hold must stay readable. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { layoutOf } from '@moult/core/layout';
import { parseManifest } from '@moult/core/manifest';
import { checkReleaseDocument } from '@moult/core/trust';
import { afterAll, expect, test } from 'vitest';
import { sha256Of } from '../src/digest.ts';
import { stageSlot, verifySlot } from '../src/slot.ts';
import { TrustClient } from '../src/trust-client.ts';
import { StillClock } from './support/clock.ts';
import { temporaryDir } from './support/release-tree.ts';
import { WORKER_PATH } from './support/world.ts';

const RECORDED = join(import.meta.dirname, 'fixtures/format-1');
const DIGEST = '49a40959a3fdf35dbf600ef63effb0a69790952af17e9571c38ad08a05323f92';
/** When the metadata was signed; its timestamp holds for seven days. */
const SIGNED_MS = Date.parse('2026-11-20T12:00:00Z');

async function serveRecorded(): Promise<string> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace('/blobs/sha256/', '/blobs/');
    readFile(join(RECORDED, path)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterAll(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('the first manifest and the first release document are read as they were meant (RL40)', async () => {
  const text = await readFile(join(RECORDED, 'manifest.json'), 'utf8');
  expect(sha256Of(text)).toBe(DIGEST);
  expect(parseManifest(text)).toMatchObject({
    component: 'agent',
    version: '1.0.0',
    platform: 'linux-x64',
    program: 'bin/node',
    script: 'lib/agent.cjs',
    probationMs: 60_000,
  });
  const document = await readFile(join(RECORDED, 'document.json'), 'utf8');
  expect(checkReleaseDocument(document, { component: 'agent', version: '1.0.0' })).toMatchObject({
    kind: 'accepted',
    value: { manifests: { 'linux-x64': { sha256: DIGEST } } },
  });
});

test('the first repository is trusted from its pinned root, and its release can be staged (RL40)', async () => {
  const layout = layoutOf(await temporaryDir());
  await mkdir(dirname(layout.pinnedRootPath), { recursive: true });
  await writeFile(layout.pinnedRootPath, await readFile(join(RECORDED, 'trust-root.json')));
  const place = {
    baseUrl: await serveRecorded(),
    way: async () => ({ ca: null, proxy: null }),
    clock: new StillClock(SIGNED_MS),
  };
  const { trustDir, pinnedRootPath } = layout;
  const trust = new TrustClient({ ...place, trustDir, pinnedRootPath, workerPath: WORKER_PATH });
  const manifest = await trust.manifest({
    component: 'agent',
    version: '1.0.0',
    platform: 'linux-x64',
  });
  const { slotDir } = await stageSlot({
    ...place,
    manifest,
    layout,
    signal: new AbortController().signal,
  });
  expect(await verifySlot({ dir: slotDir, digest: DIGEST })).toMatchObject({ kind: 'sound' });
});
