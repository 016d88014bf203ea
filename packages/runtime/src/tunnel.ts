/*
 * A tunnel through an HTTP proxy (CONNECT, RFC 9110 9.3.6). Node's own parser reads the answer; here are the limits, and what
 * each trouble is called. A proxy is part of the way and not of the trust: it sees where a host connects to, and
 * ciphertext.
 */
import { type IncomingMessage, request } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { ErrorCode } from '@moult/core/errors';
import { CodedError } from '@moult/core/errors';
import type { Clock } from './clock.ts';
import type { HttpProxy } from './way.ts';

export const TUNNEL_LIMITS: { readonly answerMs: number; readonly headBytesMax: number } = {
  /** From the first packet to the end of the answer, however it drips: less than a session waits for its connection (15 s). */
  answerMs: 10_000,
  /** Answers to CONNECT have a few hundred bytes. */
  headBytesMax: 8_192,
};

export interface TunnelOptions {
  readonly proxy: HttpProxy;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** Throws the `proxy-…` codes, or the signal's reason. */
export async function openTunnel(options: TunnelOptions): Promise<Socket> {
  const { proxy, clock, signal } = options;
  signal?.throwIfAborted();
  const done = new AbortController();
  const asked = ask(options);
  const aborted = () => asked.giveUp(signal?.reason);
  signal?.addEventListener('abort', aborted, { once: true });
  clock.sleep(TUNNEL_LIMITS.answerMs, done.signal).then(
    () => asked.giveUp(lateError(proxy, asked.isConnected())),
    () => undefined,
  );
  try {
    return await asked.tunnel;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    done.abort();
    signal?.removeEventListener('abort', aborted);
  }
}

function ask({ proxy, host, port }: TunnelOptions) {
  const target = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const { authorization } = proxy;
  const asking = request({
    host: proxy.host,
    port: proxy.port,
    method: 'CONNECT',
    path: target,
    agent: false,
    maxHeaderSize: TUNNEL_LIMITS.headBytesMax,
    headers: {
      host: target,
      ...(authorization === null ? {} : { 'proxy-authorization': authorization }),
    },
  });
  let isConnected = false;
  const tunnel = new Promise<Socket>((resolve, reject) => {
    asking.once('socket', (socket) => {
      socket.once('connect', () => {
        isConnected = true;
      });
    });
    asking.on('error', (cause) => {
      const isOurs = cause instanceof CodedError || !('code' in cause);
      reject(isOurs ? cause : brokenError(proxy, cause, isConnected));
    });
    asking.once('connect', (answer, socket: Socket, head) => {
      const trouble = troubleIn(answer, { proxy, target, head });
      // What breaks before TLS begins on it is told by TLS.
      socket.on('error', () => undefined);
      if (trouble === null) return resolve(socket);
      socket.destroy();
      reject(trouble);
    });
  });
  asking.end();
  const giveUp = (reason: unknown) => {
    asking.destroy(reason instanceof Error ? reason : new Error(String(reason)));
  };
  return { tunnel, isConnected: () => isConnected, giveUp };
}

const PASSWORD_WANTED = 407;

function troubleIn(
  answer: IncomingMessage,
  of: { readonly proxy: HttpProxy; readonly target: string; readonly head: Buffer },
): CodedError | null {
  const status = answer.statusCode ?? 0;
  const name = nameOf(of.proxy);
  if (status >= 200 && status < 300) {
    if (of.head.length === 0) return null;
    // The coordinator does not speak first: these bytes are the proxy's own.
    return new CodedError('proxy-invalid', `${name} sends bytes of its own into the connection`);
  }
  if (status === PASSWORD_WANTED) return passwordError(answer, of.proxy);
  const code: ErrorCode = status >= 500 ? 'proxy-failed' : 'proxy-refused';
  return new CodedError(code, `${name} answers HTTP ${status} to CONNECT ${of.target}`);
}

function passwordError(answer: IncomingMessage, proxy: HttpProxy): CodedError {
  const offered = String(answer.headers['proxy-authenticate'] ?? '');
  const schemes = offered.split(',').flatMap((part) => SCHEME.exec(part.trim())?.[0] ?? []);
  const name = nameOf(proxy);
  if (schemes.length > 0 && !schemes.some((scheme) => scheme.toLowerCase() === 'basic')) {
    const which = schemes.join(', ');
    return new CodedError('proxy-refused', `${name} takes no password, only ${which}`, {
      remedy: 'Have the proxy take Basic authentication, or none, from this host.',
    });
  }
  return proxy.authorization === null
    ? new CodedError('proxy-password-wanted', `${name} wants a user and a password`)
    : new CodedError('proxy-password-wrong', `${name} does not take the user and password given`);
}

/** A scheme at the beginning of a challenge, which parameters such as `realm=` are not. */
const SCHEME = /^[A-Za-z][A-Za-z0-9-]{1,19}(?![\w-]*=)(?=\s|$)/;

function brokenError(proxy: HttpProxy, cause: Error, isConnected: boolean): CodedError {
  const name = nameOf(proxy);
  if (!isConnected) {
    return new CodedError('proxy-unreachable', `${name}: ${cause.message}`, { cause });
  }
  const isRubbish = 'code' in cause && String(cause.code).startsWith('HPE_');
  const why = isRubbish ? 'does not answer as a proxy does' : 'hung up without an answer';
  return new CodedError('proxy-invalid', `${name} ${why} (${cause.message})`, { cause });
}

function lateError(proxy: HttpProxy, isConnected: boolean): CodedError {
  const seconds = TUNNEL_LIMITS.answerMs / 1_000;
  return isConnected
    ? new CodedError('proxy-silent', `${nameOf(proxy)} gave no whole answer within ${seconds} s`)
    : new CodedError('proxy-unreachable', `${nameOf(proxy)}: no connection within ${seconds} s`);
}

function nameOf({ host, port }: HttpProxy): string {
  return `the proxy ${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
