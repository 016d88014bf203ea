/* The agent's side of docs/spec/session.md, on real sockets. */
import { readFileSync } from 'node:fs';
import type { AgentFrame, CoordinatorFrame } from '@moult/protocol';
import { systemClock } from '@moult/runtime/clock';
import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock, until } from '../../../test/support/manual-clock.ts';
import type { Connection, Received } from '../src/ports.ts';
import {
  createHttpsTransport,
  type HttpsTransportOptions,
} from '../src/session/https-transport.ts';
import { HttpsCoordinator } from './support/https-coordinator.ts';

const fixture = (name: string) =>
  readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
const TLS = { key: fixture('server-key.pem'), cert: fixture('server.pem') };

let coordinator: HttpsCoordinator | null = null;
let connection: Connection | null = null;
afterEach(async () => {
  connection?.close();
  await coordinator?.close();
  [connection, coordinator] = [null, null];
});

const wayBy = (ca: string | null) => async () => ({ ca, proxy: null });

async function opened(
  options: Partial<HttpsTransportOptions> & { readonly tls?: typeof TLS } = {},
): Promise<{ readonly peer: HttpsCoordinator; readonly connection: Connection }> {
  const peer = await HttpsCoordinator.listen(options.tls ?? null);
  coordinator = peer;
  const transport = createHttpsTransport({
    coordinator: peer.url,
    way: wayBy(options.tls === undefined ? null : fixture('ca.pem')),
    bindsChannel: false,
    clock: systemClock,
    ...options,
  });
  connection = await transport.connect(AbortSignal.timeout(15_000));
  return { peer, connection };
}

const next = (from: Connection): Promise<Received> => from.next(AbortSignal.timeout(15_000));
const pong = (id: number): AgentFrame => ({ kind: 'pong', message: { id } });
const ping = (id: number): CoordinatorFrame => ({ kind: 'ping', message: { id } });

test('frames travel both ways, in order, below the address of the coordinator', async () => {
  const { peer, connection: to } = await opened();
  for (let id = 1; id <= 300; id++) to.send(pong(id));
  await expect.poll(() => peer.frames.length).toBe(300);
  expect(peer.frames.map((frame) => frame.kind === 'pong' && frame.message.id)).toEqual(
    Array.from({ length: 300 }, (_, index) => index + 1),
  );
  peer.send(ping(1), ping(2));
  expect([await next(to), await next(to)]).toEqual([
    { kind: 'frame', frame: ping(1) },
    { kind: 'frame', frame: ping(2) },
  ]);
  peer.send(ping(3));
  expect(await next(to)).toEqual({ kind: 'frame', frame: ping(3) });
  await expect.poll(() => peer.isAsked).toBe(true);
  // S2: each says how many frames went before it.
  const asked = peer.requests.filter((line) => line.startsWith('GET'));
  expect(asked.slice(0, 3).map((line) => line.split('=')[1])).toEqual(['0', '2', '3']);
  const sent = peer.requests.filter((line) => line.startsWith('POST') && line.includes('after'));
  expect(sent.map((line) => line.split('=')[1])).toEqual(['0', '256']);
});

describe('S2: is over when', () => {
  const isOver = async (to: Connection): Promise<string> => {
    const received = await next(to);
    return received.kind === 'closed' ? received.detail : received.kind;
  };

  test('a request is answered with anything but what belongs there', async () => {
    const { peer, connection: to } = await opened();
    peer.onRequest = (request, response) => {
      if (request.method !== 'POST') return false;
      response.writeHead(409).end();
      return true;
    };
    to.send(pong(1));
    expect(await isOver(to)).toContain('HTTP 409');
    const before = peer.requests.length;
    to.send(pong(2));
    expect(peer.requests).toHaveLength(before);
  });

  test('an answer is lost', async () => {
    const { peer, connection: to } = await opened();
    await expect.poll(() => peer.isAsked).toBe(true);
    peer.onRequest = (request) => {
      request.socket.destroy();
      return true;
    };
    peer.send(ping(1));
    expect(await next(to)).toEqual({ kind: 'frame', frame: ping(1) });
    expect(await isOver(to)).toContain('socket hang up');
  });

  test('an answer cannot be cut into frames', async () => {
    const { peer, connection: to } = await opened();
    await expect.poll(() => peer.isAsked).toBe(true);
    peer.onRequest = (_request, response) => {
      response.writeHead(200).end(Buffer.of(5, 1));
      return true;
    };
    peer.send(ping(1));
    await next(to);
    expect(await isOver(to)).toContain('HTTP 200');
  });

  test('nothing is answered for longer than a question may wait', async () => {
    const clock = new ManualClock();
    const { peer, connection: to } = await opened({ clock });
    await until(() => peer.isAsked, 'a question');
    await clock.advance(34_000);
    expect(peer.isAsked).toBe(true);
    await clock.advance(2_000);
    expect(await isOver(to)).toContain('no answer within 35 s');
  });
});

describe('S4: over TLS', () => {
  test('each request of a bound agent shows the connection that it travels on', async () => {
    const { peer, connection: to } = await opened({ tls: TLS, bindsChannel: true });
    expect(to.channelBinding()).toMatch(/^[0-9a-f]{64}$/);
    expect(to.channelBinding()).toBe(peer.binding);
    to.send(pong(1));
    peer.send(ping(1));
    await next(to);
    await expect.poll(() => peer.frames.length).toBe(1);
    expect(new Set(peer.shown)).toEqual(new Set(['its connection']));
  });

  test('those of an agent that enrolled through a proxy show none', async () => {
    const { peer, connection: to } = await opened({ tls: TLS, bindsChannel: false });
    to.send(pong(1));
    await expect.poll(() => peer.frames.length).toBe(1);
    expect(new Set(peer.shown)).toEqual(new Set(['none']));
  });

  test('T2: a coordinator that the CA did not sign is told nothing', async () => {
    await expect(opened({ tls: TLS, way: wayBy(fixture('other-ca.pem')) })).rejects.toMatchObject({
      code: 'coordinator-unreachable',
    });
    expect(coordinator?.requests).toEqual([]);
  });
});

test('a coordinator without these routes, or with a strange answer, opens nothing', async () => {
  const { peer } = await opened();
  const connect = () =>
    createHttpsTransport({
      coordinator: peer.url,
      way: wayBy(null),
      bindsChannel: false,
      clock: systemClock,
    }).connect(AbortSignal.timeout(15_000));
  for (const [status, body] of [
    [404, '{}'],
    [201, 'null'],
    [201, '{"id":"../x","secret":"1"}'],
    [302, ''],
  ] as const) {
    peer.onRequest = (_request, response) => {
      response.writeHead(status, { location: 'https://127.0.0.1:1/' }).end(body);
      return true;
    };
    await expect(connect()).rejects.toMatchObject({ code: 'coordinator-unreachable' });
  }
});

test('a close ends what is under way', async () => {
  const { peer, connection: to } = await opened();
  await expect.poll(() => peer.isAsked).toBe(true);
  to.close();
  await expect.poll(() => peer.isAsked).toBe(false);
});
