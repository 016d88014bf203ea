/*
 * The agents' door for those whose WebSocket does not come about (P10): one route opens a session, one takes frames,
 * one gives them. No part of the operators' contract: who comes here shows no token, and proves who it is as in any
 * session (docs/spec/session.md).
 */
import type { IncomingMessage } from 'node:http';
import { CodedError } from '@moult/core/errors';
import {
  HTTPS_BODY_BYTES_MAX,
  HTTPS_FRAMES_PATH,
  HTTPS_SESSION_PATH,
  joinFrames,
} from '@moult/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { channelBindingOf } from './channel-binding.ts';
import type { HttpsCarrier } from './https-carrier.ts';
import type { HttpsSessions } from './https-sessions.ts';

/** Opening takes no body: whatever comes is small. */
const OPEN_BODY_BYTES_MAX = 1_024;
const FRAMES_TYPE = 'application/octet-stream';

export interface HttpsRoutesOptions {
  readonly sessions: HttpsSessions;
  /** Counts a failure of this address; gives what to answer. */
  readonly failed: (address: string, error: CodedError) => CodedError;
}

export function addHttpsRoutes(app: FastifyInstance, options: HttpsRoutesOptions): void {
  const { sessions } = options;
  const carriers = new WeakMap<FastifyRequest, HttpsCarrier>();
  const authorize = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { authorization } = request.headers;
    const channelBinding = channelBindingOf(request.raw.socket);
    const carrier = sessions.of({ authorization, channelBinding });
    if (carrier === null) {
      throw options.failed(
        request.ip,
        new CodedError('session-unknown', 'there is no such session'),
      );
    }
    carriers.set(request, carrier);
    reply.header('cache-control', 'no-store');
    // S2: who went away before the answer was whole may have it or not.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) carrier.terminate();
    });
  };
  const carrierOf = (request: FastifyRequest): HttpsCarrier => {
    const carrier = carriers.get(request);
    if (carrier === undefined) throw new CodedError('session-unknown', 'there is no such session');
    return carrier;
  };
  app.post(HTTPS_SESSION_PATH, { bodyLimit: OPEN_BODY_BYTES_MAX }, async (request, reply) => {
    reply.code(201).header('cache-control', 'no-store');
    return sessions.open(channelBindingOf(request.raw.socket));
  });
  // Before the body is read: who has no session sends nothing.
  app.post(HTTPS_FRAMES_PATH, { onRequest: authorize }, async (request, reply) => {
    const carrier = carrierOf(request);
    carrier.beginTaking(countIn(request));
    try {
      await carrier.take(await bodyOf(request.raw, carrier));
    } catch (error) {
      carrier.terminate();
      throw error;
    }
    return reply.code(204).send();
  });
  app.get(
    HTTPS_FRAMES_PATH,
    { onRequest: authorize, exposeHeadRoute: false },
    async (request, reply) => {
      const carrier = carrierOf(request);
      const frames = await carrier.next(countIn(request));
      reply.raw.once('close', () => carrier.answered());
      if (frames.length === 0) return reply.code(204).send();
      return reply.type(FRAMES_TYPE).send(Buffer.from(joinFrames(frames)));
    },
  );
}

/** How many frames went this way before. Throws `request-invalid`. */
function countIn(request: FastifyRequest): number {
  const { after } = request.query as { readonly after?: unknown };
  if (typeof after === 'string' && /^\d{1,15}$/.test(after)) return Number(after);
  throw new CodedError('request-invalid', 'query.after: not a number of frames');
}

async function bodyOf(request: IncomingMessage, carrier: HttpsCarrier): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > HTTPS_BODY_BYTES_MAX) {
      // Leaving the loop ends the connection: nobody sends on for nothing.
      throw new CodedError(
        'request-too-large',
        `more than ${HTTPS_BODY_BYTES_MAX} bytes of frames`,
      );
    }
    if (carrier.arriving(chunk.length)) chunks.push(chunk);
    else chunks.length = 0;
  }
  return Buffer.concat(chunks);
}
