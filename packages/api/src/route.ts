/*
 * The REST contract is data: one route, one value. The coordinator registers handlers for them, the client calls
 * them, and the OpenAPI document is made from them, so that none of the three can say something else.
 */
import type { Permission } from '@moult/core/permission';
import type { z } from 'zod';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Response extends z.ZodType = z.ZodType,
> {
  /** Unique, camel case; OpenAPI's operationId. */
  readonly id: string;
  readonly method: Method;
  /** Fastify's notation: `/v1/agents/:name`. */
  readonly path: string;
  readonly summary: string;
  /** Null: for everybody. Deny by default: a route without a decision does not compile. */
  readonly permission: Permission | null;
  readonly params: Params;
  readonly query: Query;
  /** z.null() where there is no body; `octets` for a stream of bytes. */
  readonly body: Body | 'octets';
  readonly status: 200 | 201 | 202 | 204;
  readonly response: Response;
  /** Acts on many, or takes many bytes: whoever asks waits for more than a minute. */
  readonly isLong?: true;
}

/** Keeps the schemas' own types. */
export function defineRoute<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Response extends z.ZodType,
>(route: Route<Params, Query, Body, Response>): Route<Params, Query, Body, Response> {
  return route;
}
