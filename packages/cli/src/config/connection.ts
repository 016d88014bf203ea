/* Which coordinator is meant, and who asks: flags before environment before the contexts of `moult login`. */
import { readFile } from 'node:fs/promises';
import { CodedError } from '@moult/core/errors';
import { didYouMean } from '../did-you-mean.ts';
import { type Context, contextsPathOf, readContexts } from './contexts.ts';
import type { Invocation } from './invocation.ts';

export interface ConnectionOptions {
  readonly context?: string;
  readonly url?: string;
  readonly token?: string;
  readonly ca?: string;
}

/** What a person or a script gave; null where neither a flag nor a variable did. */
export interface GivenConnection {
  readonly url: string | null;
  readonly token: string | null;
  readonly caPem: string | null;
}

export async function connectionOf(
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<Context> {
  const given = await givenConnection(options, invocation);
  const wanted = options.context ?? invocation.variable('MOULT_CONTEXT');
  const isWhole = given.url !== null && given.token !== null && wanted === null;
  // A context may be there and another coordinator be meant: its CA then belongs to nobody.
  if (isWhole) return { url: given.url, token: given.token, caPem: given.caPem };
  const stored = await storedContext(wanted, invocation);
  if (stored === null)
    throw new CodedError('not-logged-in', 'no coordinator was named and no context is there');
  if (given.url !== null && given.token === null) requireSameOrigin(given.url, stored.url);
  return {
    url: given.url ?? stored.url,
    token: given.token ?? stored.token,
    caPem: given.caPem ?? stored.caPem,
  };
}

/** A token is a secret between us and one coordinator: it is never shown to another address. */
function requireSameOrigin(url: string, storedUrl: string): void {
  if (originOf(url) === originOf(storedUrl)) return;
  throw new CodedError('usage', `the token that is kept is for ${storedUrl}, not for ${url}`, {
    remedy: 'Give the token too (--token -, MOULT_TOKEN), or name the context with --context.',
  });
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}

export async function givenConnection(
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<GivenConnection> {
  const caPath = options.ca ?? invocation.variable('MOULT_CA');
  const token = options.token ?? invocation.variable('MOULT_TOKEN');
  return {
    url: options.url ?? invocation.variable('MOULT_URL'),
    // `-` keeps it out of the shell's history and of the list of processes.
    token: token === '-' ? await invocation.readInput() : token,
    caPem: caPath === null ? null : await readPem(caPath),
  };
}

async function storedContext(
  wanted: string | null,
  invocation: Invocation,
): Promise<Context | null> {
  const path = contextsPath(invocation);
  const { current, contexts } = await readContexts(path);
  const name = wanted ?? current;
  if (name === null) return null;
  const context = contexts[name];
  if (context !== undefined) return context;
  const hint = await didYouMean(name, Object.keys(contexts));
  throw new CodedError('context-unknown', `there is no context "${name}" in ${path}${hint}`);
}

export function contextsPath(invocation: Invocation): string {
  return contextsPathOf({
    configHomeDir: invocation.variable('XDG_CONFIG_HOME'),
    homeDir: invocation.homeDir,
  });
}

async function readPem(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new CodedError('file-unreadable', `cannot read the CA ${path}`, { cause });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new CodedError('config-invalid', `${path} holds no certificate in PEM`, {
    remedy: 'Give the CA that `moult coordinator init` made.',
  });
}
