/* A stop ends in time, whoever holds a connection. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SESSION_PATH, SUBPROTOCOL } from '@moult/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fixture } from './support/fixture.ts';

let fixture: Fixture;
let socket: Socket;
beforeEach(async () => {
  fixture = await Fixture.make();
  socket = connect(Number(new URL(fixture.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
});
afterEach(() => fixture.stop());

const UPGRADE = [
  `GET ${SESSION_PATH} HTTP/1.1`,
  'Host: coordinator',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
  '\r\n',
].join('\r\n');

test.each([
  ['said nothing', '', ''],
  ['sent half a request', 'GET /livez HTTP/1.1\r\nHo', ''],
  ['opened a session and ignores its end', UPGRADE, 'HTTP/1.1 101'],
])('a peer that %s does not hold up a stop', async (_, bytes, answer) => {
  const read = once(socket, 'data');
  socket.write(bytes);
  if (answer !== '') expect(String((await read)[0])).toContain(answer);
  else expect((await fixture.call('GET', '/livez')).status).toBe(200);
  const ended = once(socket.resume(), 'close');
  const stopped = fixture.coordinator.stop();
  // The signal of time goes on while the server waits for its connections.
  await new Promise((resolve) => setImmediate(resolve));
  for (let second = 0; second < 10; second++) await fixture.clock.advance(1_000);
  await stopped;
  await ended;
});
