import { CodedError } from '@moult/core/errors';
import { SESSION_PATH } from '@moult/protocol';

/** The coordinator's address, checked. Plain http is for a coordinator on this very machine. Throws `coordinator-insecure`. */
export function coordinatorUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) throw new CodedError('config-invalid', `coordinator: not an address: ${text}`);
  if (url.protocol === 'https:') return url;
  if (url.protocol === 'http:' && isLoopback(url.hostname)) return url;
  throw new CodedError('coordinator-insecure', `${url.origin} is neither https nor on loopback`);
}

export function sessionUrlOf(coordinator: URL): string {
  const url = below(coordinator, SESSION_PATH);
  url.protocol = coordinator.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/** Joins a path to an address that may itself have one (a proxy's). */
export function below(coordinator: URL, path: string): URL {
  const url = new URL(coordinator);
  url.pathname = `${coordinator.pathname.replace(/\/+$/, '')}${path}`;
  url.search = '';
  url.hash = '';
  return url;
}

/** The text that configuration and static clients use: no slash at the end. */
export function baseUrlOf(coordinator: URL): string {
  return coordinator.href.replace(/\/+$/, '');
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
