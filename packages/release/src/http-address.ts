import { CodedError } from '@moult/core/errors';

/** Plain http is for a coordinator on this very machine. Throws `fetch-insecure`. */
export function checkedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) throw new CodedError('fetch-insecure', `not an address: ${text}`);
  if (url.protocol === 'https:') return url;
  if (url.protocol === 'http:' && isLoopback(url.hostname)) return url;
  throw new CodedError('fetch-insecure', `${url.origin} is neither https nor on loopback`);
}

/** Joins a base address and a path that is percent-encoded already. */
export function addressOf(baseUrl: string, path: string): string {
  return `${baseUrl.replace(/\/+$/, '')}${path}`;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
