/* One place that knows the client library: its limits, its clock, and what each of its failures means to us. */
import type { ErrorCode } from '@moult/core/errors';
import { TRUST_LIMITS } from '@moult/core/trust';
import { type Fetcher, Updater } from 'tuf-js';
// Not exported from the package's top: the client tells "no newer root" by this class alone.
import { DownloadHTTPError } from 'tuf-js/dist/error.js';

export interface ClientOptions {
  /** Holds root.json and whatever was trusted before; written to. */
  readonly metadataDir: string;
  readonly metadataBaseUrl: string;
  readonly fetcher: Fetcher;
  /** What expiry is judged by. */
  readonly nowMs: number;
}

export function openClient(options: ClientOptions): Updater {
  const client = new Updater({
    metadataDir: options.metadataDir,
    metadataBaseUrl: options.metadataBaseUrl,
    fetcher: options.fetcher,
    config: {
      maxRootRotations: TRUST_LIMITS.rootRotationsMax,
      maxDelegations: TRUST_LIMITS.delegationsMax,
      rootMaxLength: TRUST_LIMITS.rootBytesMax,
      timestampMaxLength: TRUST_LIMITS.timestampBytesMax,
      snapshotMaxLength: TRUST_LIMITS.snapshotBytesMax,
      targetsMaxLength: TRUST_LIMITS.roleBytesMax,
    },
  });
  // The library reads the system clock once, into this field; ours has a floor (RL22).
  const trusted: { referenceTime: Date } = Reflect.get(client, 'trustedSet');
  if (!(trusted.referenceTime instanceof Date)) {
    throw new Error('the TUF client no longer keeps its reference time where it is expected');
  }
  trusted.referenceTime = new Date(options.nowMs);
  return client;
}

/** What a fetcher throws for a file that the server does not have. */
export function notThere(path: string): Error {
  return new DownloadHTTPError(`not there: ${path}`, 404);
}

/** The code for a failure of the client that no fetcher caused. Some failures are wrapped as text, so texts count. */
export function trustCodeOf(error: unknown): ErrorCode {
  const text =
    error instanceof Error ? `${error.constructor.name} ${error.message}` : String(error);
  if (/expired/i.test(text)) return 'trust-expired';
  if (/is less than current version|Expected version \d+, got/.test(text)) return 'trust-rollback';
  return 'trust-refused';
}
