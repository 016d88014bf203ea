/*
 * The typed REST client: one method a route, made from ROUTES, so that it cannot say anything else than the
 * contract. Answers are checked against their schema and handed on as they came: fields that a newer coordinator
 * added survive. got is loaded with the first request, because it alone costs more than a short command.
 */
import type { Agent } from 'node:https';
import type { Readable } from 'node:stream';
import { CodedError } from '@moult/core/errors';
import type { z } from 'zod';
import { answerError, transportError } from './client-errors.ts';
import type { Route } from './route.ts';
import { ROUTES } from './routes/index.ts';

export { ApiError } from './client-errors.ts';

export interface ClientOptions {
  /** `https://host:port`; plain http for loopback only. */
  readonly url: string;
  /** Null for the routes that are open to everybody. */
  readonly token: string | null;
  /** Trusted instead of the system's certificate authorities; null: the system's. */
  readonly caPem: string | null;
  /** Makes the connections, for those who must know which one a request went over. */
  readonly agent?: Agent | null;
}

/** A body of bytes. With a known length the coordinator can refuse before anything was sent. */
export interface Octets {
  readonly stream: Readable;
  readonly lengthBytes: number;
}

type Routes = typeof ROUTES;
export type RouteId = keyof Routes;

/** One part of a request: absent where the route has none, optional where it has nothing that must be given. */
type Given<Name extends string, Value> = [Value] extends [null]
  ? unknown
  : string extends keyof Value
    ? unknown
    : Record<never, never> extends Value
      ? { readonly [Key in Name]?: Value }
      : { readonly [Key in Name]: Value };

/** Routes that take a stream of bytes: the schema's type cannot say it. */
type OctetsRouteId = 'importPack';

type BodyOf<Id extends RouteId> = Id extends OctetsRouteId
  ? Octets
  : z.input<Exclude<Routes[Id]['body'], 'octets'>>;

/** What a method takes: params and query where the route has some, a body where it wants one. */
export type RequestOf<Id extends RouteId> = Given<'params', z.input<Routes[Id]['params']>> &
  Given<'query', z.input<Routes[Id]['query']>> &
  Given<'body', BodyOf<Id>> & { readonly signal?: AbortSignal };

export type ResponseOf<Id extends RouteId> = z.output<Routes[Id]['response']>;

export type Client = {
  readonly [Id in RouteId]: (
    ...request: Record<never, never> extends RequestOf<Id> ? [RequestOf<Id>?] : [RequestOf<Id>]
  ) => Promise<ResponseOf<Id>>;
};

interface AnyRequest {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** A short command should say soon that nobody is there. */
const CONNECT_MS_MAX = 10_000;
/** Publishing asks a TUF client to accept the new state, which may take its ten seconds. */
const ANSWER_MS_MAX = 60_000;
/** A pack of 40 MB over a slow line; an order for more agents than one coordinator holds. */
const LONG_MS_MAX = 30 * 60_000;
const READ_RETRIES_MAX = 2;
/** A person waits: somebody who is not there is told about within a second. */
const RETRY_AFTER_MS_MAX = 300;

/** Throws `coordinator-insecure` or `usage` for an address that cannot be used. */
export function createClient(options: ClientOptions): Client {
  const base = baseOf(options.url);
  const methods = Object.entries(ROUTES).map(([id, route]) => [
    id,
    (request: AnyRequest = {}) => send({ ...options, base, route, request }),
  ]);
  return Object.fromEntries(methods) as Client;
}

interface Sending extends ClientOptions {
  readonly base: URL;
  readonly route: Route;
  readonly request: AnyRequest;
}

async function send(sending: Sending): Promise<unknown> {
  const { base, route, request } = sending;
  const url = urlOf(base, route, request);
  const octets = route.body === 'octets' ? (request.body as Octets) : null;
  const answerMsMax = route.isLong === true ? LONG_MS_MAX : ANSWER_MS_MAX;
  const { default: got } = await import('got');
  let answer: { readonly statusCode: number; readonly body: string };
  try {
    answer = await got(url, {
      method: route.method,
      headers: headersOf(sending, octets),
      ...(octets === null ? bodyOf(request) : { body: octets.stream }),
      ...(sending.caPem === null ? {} : { https: { certificateAuthority: sending.caPem } }),
      ...(sending.agent == null ? {} : { agent: { https: sending.agent } }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      responseType: 'text',
      throwHttpErrors: false,
      followRedirect: false,
      // Only reads are asked again: a repeated order could be a second one.
      retry: {
        limit: route.method === 'GET' ? READ_RETRIES_MAX : 0,
        methods: ['GET'],
        maxRetryAfter: CONNECT_MS_MAX,
        backoffLimit: RETRY_AFTER_MS_MAX,
      },
      timeout: {
        lookup: CONNECT_MS_MAX,
        connect: CONNECT_MS_MAX,
        secureConnect: CONNECT_MS_MAX,
        response: answerMsMax,
        request: answerMsMax,
      },
    });
  } catch (caught) {
    if (request.signal?.aborted) throw request.signal.reason;
    throw transportError(caught, base);
  }
  if (answer.statusCode < 200 || answer.statusCode > 299) throw answerError(answer, base);
  return responseOf(route, answer.body);
}

function bodyOf(request: AnyRequest): { readonly json?: unknown } {
  return request.body === undefined ? {} : { json: request.body };
}

function headersOf(sending: Sending, octets: Octets | null): Record<string, string> {
  return {
    accept: 'application/json, application/problem+json',
    'user-agent': 'moult',
    ...(sending.token === null ? {} : { authorization: `Bearer ${sending.token}` }),
    ...(octets === null
      ? {}
      : {
          'content-type': 'application/octet-stream',
          'content-length': String(octets.lengthBytes),
        }),
  };
}

function responseOf(route: Route, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CodedError('response-invalid', `the answer to ${route.id} is not JSON`, { cause });
  }
  const checked = route.response.safeParse(value);
  if (checked.success) return value;
  const where = checked.error.issues.map((issue) => issue.path.join('.') || 'the whole').join(', ');
  throw new CodedError('response-invalid', `the answer to ${route.id} is not as agreed: ${where}`, {
    cause: checked.error,
  });
}

/** `/v1/agents/:name` with its parameters, each escaped as one segment. */
function urlOf(base: URL, route: Route, request: AnyRequest): URL {
  const path = route.path.replace(/:([a-zA-Z]+)/g, (_, name: string) =>
    encodeURIComponent(String(request.params?.[name] ?? '')),
  );
  const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function baseOf(text: string): URL {
  if (!URL.canParse(text)) {
    throw new CodedError('usage', `${text} is not an address`, {
      remedy: 'Give the address as https://host:port.',
    });
  }
  const url = new URL(text);
  if (url.protocol === 'https:') return url;
  if (url.protocol === 'http:' && LOOPBACK.test(url.hostname)) return url;
  throw new CodedError('coordinator-insecure', `${url.origin} is neither https nor on loopback`);
}
