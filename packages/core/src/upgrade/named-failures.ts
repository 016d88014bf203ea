/*
 * The names by which operators know why an upgrade did not begin (H17). The specific code stays in the message: what is
 * named here says whose trouble it is, the rest says which.
 */
import type { ErrorCode } from '../errors/index.ts';

const NAMED: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  'release-unknown': 'desired-version-invalid',
  'release-no-platform': 'desired-version-invalid',
  'trust-unreachable': 'packages-not-refreshed',
  'trust-expired': 'packages-not-refreshed',
  'trust-rollback': 'packages-not-refreshed',
  'trust-refused': 'packages-not-refreshed',
  'trust-too-large': 'packages-not-refreshed',
  'trust-timeout': 'packages-not-refreshed',
  'trust-root-too-old': 'packages-not-refreshed',
  'trust-root-invalid': 'packages-not-refreshed',
  'manifest-invalid': 'packages-not-refreshed',
  'blob-missing': 'packages-not-refreshed',
  'fetch-failed': 'packages-not-refreshed',
  'fetch-refused': 'packages-not-refreshed',
  'fetch-insecure': 'packages-not-refreshed',
  'fetch-stalled': 'packages-not-refreshed',
  'fetch-deadline': 'packages-not-refreshed',
  'fetch-mismatch': 'packages-not-refreshed',
  'proxy-unreachable': 'packages-not-refreshed',
  'proxy-silent': 'packages-not-refreshed',
  'proxy-refused': 'packages-not-refreshed',
  'proxy-failed': 'packages-not-refreshed',
  'proxy-password-wanted': 'packages-not-refreshed',
  'proxy-password-wrong': 'packages-not-refreshed',
  'proxy-password-exposed': 'packages-not-refreshed',
  'proxy-invalid': 'packages-not-refreshed',
};

/** A failure under its name, with its own code in the message; one that has none is given back as it is. */
export function namedFailure(failure: { readonly code: string; readonly message: string }): {
  readonly code: string;
  readonly message: string;
} {
  const named = Object.hasOwn(NAMED, failure.code) ? NAMED[failure.code as ErrorCode] : undefined;
  if (named === undefined) return failure;
  return { code: named, message: `${failure.code}: ${failure.message}` };
}

/** What goes away with a network that comes back, as far as a code can tell. */
const OF_THE_NETWORK: ReadonlySet<string> = new Set<ErrorCode>([
  'trust-unreachable',
  'fetch-failed',
  'fetch-stalled',
  'fetch-deadline',
  'rehearsal-unreached',
  'proxy-unreachable',
  'proxy-silent',
  'proxy-refused',
  'proxy-failed',
  'proxy-password-wanted',
  'proxy-password-wrong',
  'proxy-invalid',
]);

export function isOfTheNetwork(code: string): boolean {
  return OF_THE_NETWORK.has(code);
}
