import type { Readable } from 'node:stream';
import type { ROUTES } from '@moult/api';
import type { z } from 'zod';
import type { Caller } from './authentication.ts';

export type Routes = typeof ROUTES;

/** One request, checked against its route. */
export interface Call<R> {
  readonly params: PartOf<R, 'params'>;
  readonly query: PartOf<R, 'query'>;
  readonly body: PartOf<R, 'body'>;
  /** Bytes as they come; for routes that take a stream. */
  readonly stream: Readable;
  /** Whose token came; for open routes nobody's. */
  readonly caller: Caller;
  readonly address: string;
  /** RFC 9266 value of this connection; empty without TLS. */
  readonly channelBinding: string;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

type PartOf<R, Name extends string> = R extends { readonly [N in Name]: infer S }
  ? Extract<S, z.ZodType> extends infer Z
    ? Z extends z.ZodType
      ? z.output<Z>
      : never
    : never
  : never;

type AnswerOf<R> = R extends { readonly response: infer S }
  ? S extends z.ZodType
    ? z.input<S>
    : never
  : never;

export type Handler<R> = (call: Call<R>) => Promise<AnswerOf<R>>;

/** A handler for every route: one that is missing does not compile. */
export type Handlers = { readonly [Id in keyof Routes]: Handler<Routes[Id]> };
