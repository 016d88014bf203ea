import { createServer, type Server, type Socket } from 'node:net';
import { CodedError } from '@moult/core/errors';
import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { systemClock } from '../src/clock.ts';
import { openTunnel, TUNNEL_LIMITS } from '../src/tunnel.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

/** Whatever a proxy may be: `talk` is told of each connection and of all that came on it so far. */
async function listening(
  talk: (socket: Socket, heard: string) => void,
  host = '127.0.0.1',
): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    let heard = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      talk(socket, heard);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const SECRET = 'sesame-4711';
const AUTHORIZATION = `Basic ${Buffer.from(`ann:${SECRET}`).toString('base64')}`;

function tunnel(port: number, more: Partial<Parameters<typeof openTunnel>[0]> = {}) {
  return openTunnel({
    proxy: { host: '127.0.0.1', port, authorization: null },
    host: 'coordinator.example',
    port: 7400,
    clock: systemClock,
    signal: undefined,
    ...more,
  });
}

function bell(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

async function failure(port: number, authorization: string | null = null): Promise<CodedError> {
  const proxy = { host: '127.0.0.1', port, authorization };
  const error = await tunnel(port, { proxy }).then(
    () => null,
    (caught: unknown) => caught,
  );
  if (!(error instanceof CodedError)) throw new Error(`not coded: ${error}`);
  // Whatever went wrong, nobody who reads of it learns the password.
  const told = `${error.message} ${error.remedy} ${error.stack} ${error.cause}`;
  expect(told).not.toContain(SECRET);
  expect(told).not.toContain(AUTHORIZATION.slice('Basic '.length));
  return error;
}

describe('a proxy that does what it should', () => {
  test('is asked for the coordinator by name and port, and then passes bytes both ways', async () => {
    let asked = '';
    const port = await listening((socket, heard) => {
      if (asked === '' && heard.includes('\r\n\r\n')) {
        asked = heard;
        socket.write('HTTP/1.1 200 Connection established\r\nVia: 1.1 site\r\n\r\n');
      } else socket.write('pong');
    });
    const socket = await tunnel(port);
    expect(asked).toMatch(/^CONNECT coordinator\.example:7400 HTTP\/1\.1\r\n/);
    expect(asked).toContain('\r\nhost: coordinator.example:7400\r\n');
    expect(asked).not.toMatch(/proxy-authorization/i);
    const answer = new Promise((resolve) => socket.once('data', (chunk) => resolve(`${chunk}`)));
    socket.write('ping');
    expect(await answer).toBe('pong');
    socket.destroy();
  });

  test('is shown user and password when they are given', async () => {
    let asked = '';
    const port = await listening((socket, heard) => {
      asked = heard;
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
    });
    const proxy = { host: '127.0.0.1', port, authorization: AUTHORIZATION };
    (await tunnel(port, { proxy })).destroy();
    expect(asked).toContain(`\r\nproxy-authorization: ${AUTHORIZATION}\r\n`);
  });

  test('may stand on IPv6, in front of a coordinator on IPv6', async () => {
    let asked = '';
    const port = await listening((socket, heard) => {
      asked = heard;
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
    }, '::1');
    const proxy = { host: '::1', port, authorization: null };
    (await tunnel(port, { proxy, host: 'fd00::7' })).destroy();
    expect(asked).toMatch(/^CONNECT \[fd00::7\]:7400 HTTP/);
  });
});

describe('a proxy that does not', () => {
  const answering = (text: string) =>
    listening((socket, heard) => {
      if (heard.includes('\r\n\r\n')) socket.write(text);
    });

  test.each([
    ['403 Forbidden', 'proxy-refused', 'HTTP 403 to CONNECT coordinator.example:7400'],
    ['405 Method Not Allowed', 'proxy-refused', 'HTTP 405'],
    ['302 Found', 'proxy-refused', 'HTTP 302'],
    ['502 Bad Gateway', 'proxy-failed', 'HTTP 502 to CONNECT coordinator.example:7400'],
    ['503 Service Unavailable', 'proxy-failed', 'HTTP 503'],
  ])('says %s: the error is %s', async (status, code, words) => {
    const port = await answering(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nsorry`);
    const error = await failure(port);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(`the proxy 127.0.0.1:${port} `);
    expect(error.message).toContain(words);
  });

  test('wants a password: told apart from one that does not take the one given', async () => {
    const port = await answering(
      'HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm="a, b"\r\n\r\n',
    );
    expect(await failure(port)).toMatchObject({ code: 'proxy-password-wanted' });
    expect(await failure(port, AUTHORIZATION)).toMatchObject({ code: 'proxy-password-wrong' });
  });

  test('wants something else than a password: the message says what', async () => {
    const port = await answering(
      'HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate, NTLM\r\nContent-Length: 0\r\n\r\n',
    );
    const error = await failure(port, AUTHORIZATION);
    expect(error).toMatchObject({ code: 'proxy-refused' });
    expect(error.message).toContain('only Negotiate, NTLM');
    expect(error.remedy).toContain('Basic');
  });

  test.each([
    ['speaks another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'does not answer as a proxy does'],
    ['never ends its head (W3)', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`, 'does not answer'],
    ['speaks for the coordinator (W2)', 'HTTP/1.1 200 OK\r\n\r\nhello', 'bytes of its own'],
  ])('%s: the error is proxy-invalid', async (_what, text, words) => {
    const error = await failure(await answering(text));
    expect(error).toMatchObject({ code: 'proxy-invalid' });
    expect(error.message).toContain(words);
  });

  test('hangs up: the error is proxy-invalid', async () => {
    const error = await failure(await listening((socket) => socket.end()));
    expect(error).toMatchObject({ code: 'proxy-invalid' });
    expect(error.message).toContain('hung up without an answer');
  });

  test('is not there: the error is proxy-unreachable, and says where it was looked for', async () => {
    const port = await listening(() => undefined);
    await new Promise((done) => servers.pop()?.close(done));
    const error = await failure(port);
    expect(error).toMatchObject({ code: 'proxy-unreachable', cause: { code: 'ECONNREFUSED' } });
    expect(error.message).toContain(`127.0.0.1:${port}`);
  });

  test.each([
    ['hangs', ''],
    ['drips', 'HTTP/1.1 200 OK\r\nX: '],
  ])('W3: %s: it is given up in time, however much came', async (_what, text) => {
    const clock = new ManualClock();
    const heard = bell();
    const ended = bell();
    const port = await listening((socket) => {
      socket.write(text);
      socket.once('close', () => ended.resolve());
      heard.resolve();
    });
    const failed = tunnel(port, { clock }).catch((error: unknown) => error);
    await heard.promise;
    await clock.advance(TUNNEL_LIMITS.answerMs - 1);
    expect(clock.sleeping).toBe(1);
    await clock.advance(1);
    expect(await failed).toMatchObject({ code: 'proxy-silent' });
    await ended.promise;
  });

  test('is not waited for any longer than the caller wants, and its connection ends', async () => {
    const stop = new AbortController();
    const ended = bell();
    const port = await listening((socket) => {
      socket.once('close', () => ended.resolve());
      stop.abort(new Error('enough'));
    });
    await expect(tunnel(port, { signal: stop.signal })).rejects.toThrow('enough');
    await ended.promise;
  });
});
