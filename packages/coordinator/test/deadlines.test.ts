/* Peers that send without end, or read nothing (T17). */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { BLOBS_PATH } from '@moult/core/release-document';
import { openBlobStore } from '@moult/release/blob-store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';

/** More than the buffers of both ends of a loopback connection take. */
const BLOB_BYTES = 48 * 1_048_576;
const SHA256 = 'a'.repeat(64);

let fixture: Fixture;
let socket: Socket;
beforeEach(async () => {
  fixture = await Fixture.make();
  socket = connect(Number(new URL(fixture.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
});
afterEach(async () => {
  socket.destroy();
  await fixture.stop();
});

/** Time passes, and what was asked before it has arrived. */
async function pass(ms: number): Promise<void> {
  expect((await fixture.call('GET', '/livez')).status).toBe(200);
  await fixture.clock.advance(ms);
}

async function readToEnd(): Promise<number> {
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
  });
  await once(socket.resume(), 'close');
  return bytes;
}

async function askForBlob(): Promise<void> {
  const path = (await openBlobStore(fixture.init.paths.blobsDir)).pathOf(SHA256);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, new Uint8Array(BLOB_BYTES));
  socket.pause();
  socket.write(`GET ${BLOBS_PATH}/${SHA256} HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n`);
}

test('a peer that reads nothing of a blob is cut off', async () => {
  await askForBlob();
  // Many, and each takes a moment: the other end fills its buffers first, and stands still then.
  for (let minute = 0; minute < 150; minute++) await pass(61_000);
  expect(await readToEnd()).toBeLessThan(BLOB_BYTES);
});

test('a peer that reads slowly gets all of it', async () => {
  await askForBlob();
  let bytes = 0;
  for (let minute = 0; minute < 6; minute++) {
    await pass(50_000);
    // Enough that the other end can write on before the next look at it.
    for (let taken = 0; taken < 6_000_000; ) {
      const chunk: Buffer | null = socket.read();
      if (chunk === null) await once(socket, 'readable');
      else taken += chunk.length;
      bytes += chunk?.length ?? 0;
    }
  }
  expect(bytes + (await readToEnd())).toBeGreaterThan(BLOB_BYTES);
});

test('who may not send a pack is told so at once, and not listened to for long', async () => {
  const ended = once(socket, 'close');
  const answered = once(socket, 'data');
  socket.write('POST /v1/packs HTTP/1.1\r\nHost: c\r\nContent-Type: application/octet-stream\r\n');
  socket.write('Content-Length: 1000000000\r\n\r\n');
  socket.write(new Uint8Array(100_000));
  expect(String((await answered)[0])).toContain('401 Unauthorized');
  socket.resume();
  await pass(3_000);
  socket.write(new Uint8Array(100_000));
  expect(socket.destroyed).toBe(false);
  await pass(4_000);
  await ended;
});
