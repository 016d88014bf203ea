/*
 * One request on a connection of its own: it is known before anything is sent, so that the request can show which one
 * it is, and nothing that keeps connections open in between can end one at the wrong moment.
 */
import { type IncomingMessage, request as requestOverHttp } from 'node:http';
import { request as requestOverHttps } from 'node:https';
import { CodedError } from '@moult/core/errors';
import { HTTPS_BODY_BYTES_MAX } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { ReadWay } from '@moult/runtime/way';
import { openBoundConnection } from '../bound-connection.ts';
import { pause } from '../waiting.ts';

export interface HttpsRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly way: ReadWay;
  readonly body: Uint8Array | null;
  /** Of the request that travels on the connection with this exporter value (hex). */
  readonly authorization: ((channelBinding: string) => string) | null;
  /** From the first byte of the connection to the last of the answer. */
  readonly msMax: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface HttpsAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** Of the connection that it came on. */
  readonly channelBinding: string;
}

/** Throws `coordinator-unreachable`, the `proxy-…` codes, or the signal's reason. */
export async function requestOnce(options: HttpsRequest): Promise<HttpsAnswer> {
  const { url, clock } = options;
  const done = new AbortController();
  const late = new AbortController();
  void pause(clock, options.msMax, AbortSignal.any([done.signal, options.signal])).then(
    (isOver) => {
      if (isOver) late.abort(unreachable(url, `no answer within ${options.msMax / 1_000} s`));
    },
  );
  const signal = AbortSignal.any([options.signal, late.signal]);
  try {
    const connection = await openBoundConnection({
      ...{ coordinator: url, clock, signal },
      way: await options.way(),
    });
    try {
      return await exchange({ ...options, signal }, connection);
    } finally {
      connection.close();
    }
  } catch (caught) {
    signal.throwIfAborted();
    throw caught;
  } finally {
    done.abort();
  }
}

type Connection = Awaited<ReturnType<typeof openBoundConnection>>;

function exchange(options: HttpsRequest, connection: Connection): Promise<HttpsAnswer> {
  const { url, method, body, signal } = options;
  const { channelBinding } = connection;
  const authorization = options.authorization?.(channelBinding) ?? null;
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) => reject(unreachable(url, cause.message, cause));
    const request = url.protocol === 'https:' ? requestOverHttps : requestOverHttp;
    const sent = request(
      url,
      {
        method,
        signal,
        agent: connection.agent ?? false,
        headers: {
          ...(authorization === null ? {} : { authorization }),
          ...(body === null ? {} : { 'content-type': 'application/octet-stream' }),
          // GET has none; a POST without a body says so.
          ...(method === 'POST' ? { 'content-length': body?.length ?? 0 } : {}),
        },
      },
      (answer) => {
        readBody(answer).then(
          (read) => resolve({ status: answer.statusCode ?? 0, body: read, channelBinding }),
          fail,
        );
      },
    );
    sent.on('error', fail);
    sent.end(body ?? undefined);
  });
}

async function readBody(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > HTTPS_BODY_BYTES_MAX) throw new Error(`more than ${HTTPS_BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unreachable(url: URL, why: string, cause?: Error): CodedError {
  return new CodedError('coordinator-unreachable', `${url.origin}${url.pathname}: ${why}`, {
    cause,
  });
}
