/* What the trust client and its worker say to each other. Both are of one release; nothing here is kept. */

import type { ErrorCode } from '@moult/core/errors';
import type { ReleaseDocument } from '@moult/core/release-document';
import type { ReleaseName } from '@moult/core/trust';
import type { Way } from '@moult/runtime/way';

export interface TrustTask {
  /** Empty, and the worker's own. */
  readonly workDir: string;
  /** Metadata trusted so far by file name; `root.json` at least. */
  readonly files: Readonly<Record<string, string>>;
  readonly metadataUrl: string;
  readonly targetsUrl: string;
  readonly way: Way;
  /** What expiry is judged by. */
  readonly nowMs: number;
  /** Null: refresh only. */
  readonly wanted: ReleaseName | null;
}

export interface TrustOutcome {
  readonly files: Readonly<Record<string, string>>;
  readonly rootVersion: number;
  readonly timestampVersion: number;
  readonly snapshotVersion: number;
  /** The earliest expiry of what was checked. */
  readonly expiresMs: number;
  readonly document: ReleaseDocument | null;
}

export type TrustMessage =
  | { readonly kind: 'alive' }
  | { readonly kind: 'trusted'; readonly outcome: TrustOutcome }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string };

/** How often the worker shows that its loop turns. */
export const ALIVE_MS = 1_000;
