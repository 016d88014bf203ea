/*
 * The way from a host to its coordinator: who vouches for it, and the proxy between, if there is one. TLS goes through a
 * proxy and ends at the coordinator, so that what a session is bound to is the same with and without one (S3).
 */
import type { TLSSocket } from 'node:tls';
import type { Clock } from './clock.ts';

export interface HttpProxy {
  readonly host: string;
  readonly port: number;
  /** What `Proxy-Authorization` says; null: nothing. A secret: never part of a message. */
  readonly authorization: string | null;
}

/** Plain data: it is handed on to workers. */
export interface Way {
  /** PEM of the only authorities to trust; null: those that come with the runtime. */
  readonly ca: string | null;
  /** Null: none stands between. */
  readonly proxy: HttpProxy | null;
}

/** Asked before each connection, so that a CA or a password that was replaced counts from the next one on. */
export type ReadWay = () => Promise<Way>;

export const DIRECT: Way = { ca: null, proxy: null };

/** What a request needs beside its own options to go this way. */
export interface WayOptions {
  readonly ca?: string;
  /** Only with a proxy: the connection is there already, and TLS begins on it. For a request without an agent. */
  readonly createConnection?: (options: object) => TLSSocket;
}

/** Plain http is for a coordinator on this very machine, where no proxy helps. Throws the `proxy-…` codes, or the signal's reason. */
export async function optionsOfWay(
  way: Way,
  to: { readonly url: URL; readonly clock: Clock; readonly signal: AbortSignal | undefined },
): Promise<WayOptions> {
  const ca = way.ca === null ? {} : { ca: way.ca };
  const { url, clock, signal } = to;
  const isPlain = url.protocol === 'http:' || url.protocol === 'ws:';
  if (way.proxy === null || isPlain) return ca;
  // Loaded here: most hosts have no proxy, and a start is short.
  const [{ openTunnel }, { connect }] = await Promise.all([
    import('./tunnel.ts'),
    import('node:tls'),
  ]);
  const socket = await openTunnel({ proxy: way.proxy, ...targetOf(url), clock, signal });
  const { host } = targetOf(url);
  const createConnection = (options: object): TLSSocket =>
    connect({ ...options, ...ca, ...serverNameOf(host), host, path: undefined, socket });
  return { ...ca, createConnection };
}

const HTTPS_PORT = 443;

/** Host without brackets, and port. */
export function targetOf(url: URL): { readonly host: string; readonly port: number } {
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? HTTPS_PORT : Number(url.port),
  };
}

/** An address is no server name. */
export function serverNameOf(host: string): { readonly servername?: string } {
  return /^[\d.]+$|:/.test(host) ? {} : { servername: host };
}
