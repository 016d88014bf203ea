/* The HTTP server: every route of the contract by its permission, static files, and nothing else. Deny by default. */
import { ROUTES } from '@moult/api';
import { openApiDocument } from '@moult/api/openapi';
import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { z } from 'zod';
import { channelBindingOf } from '../gateway/channel-binding.ts';
import type { TimerWheel } from '../gateway/timer-wheel.ts';
import type { Authentication, Caller } from './authentication.ts';
import { addDeadlines } from './deadlines.ts';
import type { Call, Handlers } from './handler.ts';
import { invalidRequest, isInside, PROBLEM_TYPE, problemOf, requestError } from './problems.ts';
import { type StaticFilesOptions, serveStaticFiles } from './static-files.ts';

/** Metadata of a release is the largest JSON that comes: a role of 128 KiB, targets of the same, quoted. */
const BODY_BYTES_MAX = 1_048_576;
const HEADERS_MS_MAX = 10_000;
const HEADERS_MAX = 64;
const UPLOAD_MS_MAX = 3_600_000;
const KEEP_ALIVE_MS = 10_000;

const NOBODY: Caller = { principal: 'nobody', role: 'viewer' };

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface HttpServerOptions extends StaticFilesOptions {
  readonly handlers: Handlers;
  readonly authentication: Authentication;
  readonly clock: Clock;
  readonly log: Logger;
  readonly wheel: TimerWheel;
  readonly version: string;
  /** Null: plain HTTP. */
  readonly tls: TlsFiles | null;
  readonly isReady: () => Promise<boolean>;
}

interface AnyRoute {
  readonly id: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly permission: Parameters<Authentication['require']>[0] | null;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType | 'octets';
  readonly status: number;
}

type AnyHandler = (call: Call<unknown>) => Promise<unknown>;

export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const app = makeServer(options);
  app.server.headersTimeout = HEADERS_MS_MAX;
  app.server.maxHeadersCount = HEADERS_MAX;
  app.server.requestTimeout = UPLOAD_MS_MAX;
  app.addContentTypeParser('application/octet-stream', (_request, stream, done) =>
    done(null, stream),
  );
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
  });
  addDeadlines(app, options);
  app.setErrorHandler((error, request, reply) => fail(options.log, { error, request, reply }));
  app.setNotFoundHandler((request, reply) => notFound(options.log, { request, reply }));
  const handlers = options.handlers as unknown as Readonly<Record<string, AnyHandler>>;
  for (const route of Object.values(ROUTES) as unknown as readonly AnyRoute[]) {
    const handler = handlers[route.id];
    if (handler !== undefined) addRoute(app, { options, route, handler });
  }
  serveStaticFiles(app, options);
  const document = openApiDocument({ version: options.version });
  app.get('/v1/openapi.json', async () => document);
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const isReady = await options.isReady();
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ok' : 'not ready' });
  });
  return app;
}

function makeServer(options: HttpServerOptions): FastifyInstance {
  const common = {
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: UPLOAD_MS_MAX,
    // A stop ends keep-alive connections at once; requests under way are answered.
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 128 },
  } as const;
  const { tls } = options;
  if (tls === null) return fastify(common);
  const https = { cert: tls.cert, key: tls.key, minVersion: 'TLSv1.3' } as const;
  return fastify({ ...common, https }) as unknown as FastifyInstance;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly isUpload?: boolean;
  }
}

function addRoute(
  app: FastifyInstance,
  of: {
    readonly options: HttpServerOptions;
    readonly route: AnyRoute;
    readonly handler: AnyHandler;
  },
): void {
  const { options, route, handler } = of;
  const callers = new WeakMap<FastifyRequest, Caller>();
  app.route({
    method: route.method,
    url: route.path,
    config: { isUpload: route.body === 'octets' },
    // Before the body is read: who may not do this sends nothing.
    onRequest: async (request) => {
      if (route.permission === null) return;
      const { authorization } = request.headers;
      const of_ = { authorization, address: request.ip };
      callers.set(request, await options.authentication.require(route.permission, of_));
    },
    handler: async (request, reply) => {
      const gone = new AbortController();
      const ended = () => gone.abort(new CodedError('request-invalid', 'the client went away'));
      request.raw.once('close', () => {
        if (!request.raw.complete) ended();
      });
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) ended();
      });
      const answer = await handler({
        params: checked('params', route.params, request.params),
        query: checked('query', route.query, request.query),
        body: (route.body === 'octets'
          ? null
          : checked('body', route.body, request.body ?? null)) as never,
        stream: request.raw,
        caller: callers.get(request) ?? NOBODY,
        address: request.ip,
        channelBinding: channelBindingOf(request.raw.socket),
        signal: gone.signal,
      });
      reply.header('cache-control', 'no-store');
      return reply.code(route.status).send(answer);
    },
  });
}

function checked(part: 'params' | 'query' | 'body', schema: z.ZodType, value: unknown): never {
  // Absent parts of a body have their defaults: `{}` is what an empty one means.
  const result = schema.safeParse(value === null && !(schema instanceof z.ZodNull) ? {} : value);
  if (!result.success) throw invalidRequest(part, result.error);
  return result.data as never;
}

function fail(
  log: Logger,
  of: { readonly error: unknown; readonly request: FastifyRequest; readonly reply: FastifyReply },
): FastifyReply {
  const error = requestError(of.error);
  const problem = problemOf(error);
  if (problem.status >= 500 || isInside(error)) {
    log.error('a request failed', { path: of.request.url, code: error.code, err: of.error });
  }
  if (problem.status === 401) of.reply.header('www-authenticate', 'Bearer');
  return of.reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

const KNOWN_PATHS: readonly { readonly pattern: RegExp; readonly method: string }[] = Object.values(
  ROUTES,
).map(({ path, method }) => ({
  pattern: new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`),
  method,
}));

function notFound(
  log: Logger,
  of: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): FastifyReply {
  const path = of.request.url.split('?')[0] ?? '';
  const methods = KNOWN_PATHS.filter(({ pattern }) => pattern.test(path)).map(
    ({ method }) => method,
  );
  if (methods.length === 0) {
    return fail(log, {
      ...of,
      error: new CodedError('not-found', 'there is nothing at this path'),
    });
  }
  of.reply.header('allow', methods.join(', '));
  const message = `${of.request.method} is not a method of this path: ${methods.join(', ')}`;
  return fail(log, { ...of, error: new CodedError('method-not-allowed', message) });
}
