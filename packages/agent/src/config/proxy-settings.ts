/*
 * What agent.yaml says of a proxy. A coordinator has one address: the way to it leads through the proxy or not, so that there
 * is no list of exceptions, and what a shell has in HTTPS_PROXY does not count: a service would not have it.
 */
import { isAbsolute } from 'node:path';
import { CodedError } from '@moult/core/errors';

export interface ProxySettings {
  readonly host: string;
  readonly port: number;
  /** Null: the proxy is not told who asks. */
  readonly user: string | null;
  readonly password: ProxyPassword;
}

export type ProxyPassword =
  | { readonly kind: 'none' }
  | { readonly kind: 'given'; readonly password: string }
  | { readonly kind: 'in-file'; readonly path: string };

const FORM = 'http://[user[:password]@]host:port';
/** HTTP's, which an address leaves out. */
const HTTP_PORT = 80;

/** Throws `config-invalid`, in which no password is repeated. */
export function proxySettingsIn(values: {
  readonly proxy: string | null;
  readonly proxyPasswordFile: string | null;
}): ProxySettings | null {
  const { proxy, proxyPasswordFile: path } = values;
  if (proxy === null) {
    if (path === null) return null;
    throw invalid('proxyPasswordFile is given, and no proxy');
  }
  const url = URL.canParse(proxy) ? new URL(proxy) : null;
  if (url === null || url.hostname === '') throw invalid(`proxy must have the form ${FORM}`);
  if (url.protocol !== 'http:') {
    throw invalid(`proxy must have the form ${FORM}: proxies are spoken to in plain http`);
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw invalid(`proxy must have the form ${FORM}, with nothing behind it`);
  }
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (user === null && password !== null) throw invalid('proxy has a password and no user');
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? HTTP_PORT : Number(url.port),
    user,
    password: passwordIn({ user, password, path }),
  };
}

function passwordIn(of: {
  readonly user: string | null;
  readonly password: string | null;
  readonly path: string | null;
}): ProxyPassword {
  const { user, password, path } = of;
  if (path === null) return password === null ? { kind: 'none' } : { kind: 'given', password };
  if (user === null) {
    throw invalid('proxyPasswordFile is given, and proxy names no user: http://user@host:port');
  }
  if (password !== null)
    throw invalid('the password is in proxy and in proxyPasswordFile: give one');
  if (!isAbsolute(path)) throw invalid(`proxyPasswordFile must be an absolute path, not ${path}`);
  return { kind: 'in-file', path };
}

/** Null: there is none. */
function decoded(part: string): string | null {
  if (part === '') return null;
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid('user and password in proxy must be percent-encoded: a % is written %25');
  }
}

function invalid(message: string): CodedError {
  return new CodedError('config-invalid', message);
}
