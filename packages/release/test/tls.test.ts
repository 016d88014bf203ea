import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { layoutOf } from '@moult/core/layout';
import { afterAll, expect, test } from 'vitest';
import { ConnectProxy } from '../../../scripts/fleet/connect-proxy.ts';
import { stageSlot } from '../src/slot.ts';
import { TrustClient } from '../src/trust-client.ts';
import { StillClock } from './support/clock.ts';
import { temporaryDir } from './support/release-tree.ts';
import { WORKER_PATH } from './support/world.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
/** When the recorded metadata was signed. */
const SIGNED_MS = Date.parse('2026-11-20T12:00:00Z');

async function serveOverTls(): Promise<string> {
  const tls = {
    cert: await readFile(join(FIXTURES, 'tls/server.pem')),
    key: await readFile(join(FIXTURES, 'tls/server-key.pem')),
  };
  const server = createServer(tls, (request, response) => {
    const path = (request.url ?? '').replace('/blobs/sha256/', '/blobs/');
    readFile(join(FIXTURES, 'format-1', path)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterAll(() => server.close());
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('T2: metadata, manifest and blobs come over TLS of the given authority, and of no other', async () => {
  const layout = layoutOf(await temporaryDir());
  await mkdir(dirname(layout.pinnedRootPath), { recursive: true });
  await writeFile(
    layout.pinnedRootPath,
    await readFile(join(FIXTURES, 'format-1/trust-root.json')),
  );
  const baseUrl = await serveOverTls();
  const ca = await readFile(join(FIXTURES, 'tls/ca.pem'), 'utf8');
  const clock = new StillClock(SIGNED_MS);
  const { trustDir, pinnedRootPath } = layout;
  const clientWith = (authority: string | null) =>
    new TrustClient({
      trustDir,
      pinnedRootPath,
      baseUrl,
      way: async () => ({ ca: authority, proxy: null }),
      workerPath: WORKER_PATH,
      clock,
    });
  const wanted = { component: 'agent', version: '1.0.0', platform: 'linux-x64' } as const;
  const manifest = await clientWith(ca).manifest(wanted);
  const stage = (authority: string | null) =>
    stageSlot({
      manifest,
      layout,
      baseUrl,
      way: async () => ({ ca: authority, proxy: null }),
      clock,
      signal: new AbortController().signal,
    });
  await expect(clientWith(null).manifest(wanted)).rejects.toMatchObject({
    code: 'trust-unreachable',
  });
  await expect(stage(null)).rejects.toMatchObject({ code: 'fetch-failed' });
  expect(await stage(ca)).toMatchObject({ blobsFetched: 3 });
});

test('W1 W4: metadata, manifest and blobs come through a proxy, which is told nothing but where to connect', async () => {
  const layout = layoutOf(await temporaryDir());
  await mkdir(dirname(layout.pinnedRootPath), { recursive: true });
  await writeFile(
    layout.pinnedRootPath,
    await readFile(join(FIXTURES, 'format-1/trust-root.json')),
  );
  const baseUrl = await serveOverTls();
  const ca = await readFile(join(FIXTURES, 'tls/ca.pem'), 'utf8');
  const clock = new StillClock(SIGNED_MS);
  const proxy = await ConnectProxy.open({ credentials: 'ann:sesame' });
  afterAll(() => proxy.close());
  const wayWith = (password: string) => async () => ({
    ca,
    proxy: {
      host: '127.0.0.1',
      port: proxy.port,
      authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`,
    },
  });
  const { trustDir, pinnedRootPath } = layout;
  const client = (password: string) =>
    new TrustClient({
      ...{ trustDir, pinnedRootPath, baseUrl, clock, workerPath: WORKER_PATH },
      way: wayWith(password),
    });
  const wanted = { component: 'agent', version: '1.0.0', platform: 'linux-x64' } as const;
  await expect(client('wrong').manifest(wanted)).rejects.toMatchObject({
    code: 'proxy-password-wrong',
  });
  const manifest = await client('sesame').manifest(wanted);
  const { signal } = new AbortController();
  const stage = (password: string) =>
    stageSlot({ manifest, layout, baseUrl, way: wayWith(password), clock, signal });
  await expect(stage('wrong')).rejects.toMatchObject({ code: 'proxy-password-wrong' });
  expect(await stage('sesame')).toMatchObject({ blobsFetched: 3 });
  expect(new Set(proxy.granted)).toEqual(new Set([new URL(baseUrl).host]));
});
