/*
 * The contexts of `moult login`: which coordinators there are, and who we are there. One file, readable by its
 * owner alone since it holds tokens. The CA is kept as text: the file it came from may move.
 */
import { dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { makeDirectoryDurably, readTextIfPresent, writeFileDurably } from '@moult/runtime/files';
import { didYouMean } from '../did-you-mean.ts';

export interface Context {
  readonly url: string;
  readonly token: string;
  /** Null: the certificate authorities of the system. */
  readonly caPem: string | null;
}

export interface Contexts {
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, Context>>;
}

const OWNER_ONLY = 0o600;
const KEYS: readonly string[] = ['current', 'contexts'];
const CONTEXT_KEYS: readonly string[] = ['url', 'token', 'caPem'];

export function contextsPathOf(options: {
  readonly configHomeDir: string | null;
  readonly homeDir: string;
}): string {
  const { configHomeDir, homeDir } = options;
  // The specification of XDG: a relative path there is to be ignored.
  const base = configHomeDir?.startsWith('/') ? configHomeDir : join(homeDir, '.config');
  return join(base, 'moult', 'contexts.json');
}

export async function readContexts(path: string): Promise<Contexts> {
  const text = await readTextIfPresent(path);
  if (text === null) return { current: null, contexts: {} };
  const raw = objectOf(parsed(text, path), path, 'the file');
  await refuseUnknownKeys(raw, KEYS, path);
  const { current } = raw;
  if (current !== null && typeof current !== 'string') invalid(path, 'current is not a name');
  const contexts: Record<string, Context> = {};
  for (const [name, value] of Object.entries(objectOf(raw['contexts'], path, 'contexts'))) {
    contexts[name] = await contextOf(value, path, name);
  }
  return { current, contexts };
}

/** Adds or replaces one context and makes it the current one. */
export async function saveContext(path: string, name: string, context: Context): Promise<void> {
  const known = await readContexts(path);
  await writeContexts(path, { current: name, contexts: { ...known.contexts, [name]: context } });
}

export async function writeContexts(path: string, contexts: Contexts): Promise<void> {
  await makeDirectoryDurably(dirname(path));
  await writeFileDurably(path, `${JSON.stringify(contexts, null, 2)}\n`, { mode: OWNER_ONLY });
}

async function contextOf(value: unknown, path: string, name: string): Promise<Context> {
  const raw = objectOf(value, path, name);
  await refuseUnknownKeys(raw, CONTEXT_KEYS, path);
  const { url, token, caPem } = raw;
  if (typeof url !== 'string' || typeof token !== 'string')
    invalid(path, `${name} needs url and token`);
  if (caPem !== null && typeof caPem !== 'string') invalid(path, `caPem of ${name} is not a text`);
  return { url, token, caPem };
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return invalid(path, 'it is not JSON');
  }
}

function objectOf(value: unknown, path: string, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    invalid(path, `${what} is not an object`);
  return value as Record<string, unknown>;
}

async function refuseUnknownKeys(
  raw: Record<string, unknown>,
  known: readonly string[],
  path: string,
): Promise<void> {
  const unknown = Object.keys(raw).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  invalid(path, `unknown key "${unknown}"${await didYouMean(unknown, known)}`);
}

function invalid(path: string, why: string): never {
  throw new CodedError('context-invalid', `${path} cannot be used: ${why}`);
}
