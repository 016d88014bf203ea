/* U22: the version that a failed trial falls back to, and what somebody has changed in it. */
import {
  changesText,
  type FallbackCare,
  fallbackCare,
  type SlotChanges,
} from '@moult/core/changed-files';
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import type { BootView } from '@moult/core/upgrade';
import type { Logger } from '@moult/runtime/logger';
import type { Slots, Trust, TrustedRelease } from '../ports.ts';

export interface FallbackOptions {
  readonly view: BootView;
  readonly slots: Slots;
  readonly trust: Trust;
  readonly signal: AbortSignal;
}

export interface Fallback {
  readonly version: string;
  readonly changes: SlotChanges;
  readonly care: FallbackCare;
  /** To stage anew before anything else; null: there is no need, or no way. */
  readonly release: TrustedRelease | null;
}

/** Null: there is none, or it is the very one that is ordered. Every byte of it is read. */
export async function fallbackOf(
  options: FallbackOptions,
  of: { readonly component: Component; readonly orderedDigest: string | null },
): Promise<Fallback | null> {
  const { view, slots, signal } = options;
  const { committed } = view[of.component];
  if (committed === null || committed.digest === of.orderedDigest) return null;
  const { version } = committed;
  const changes = await slots.changesOf(of.component, committed, { signal, isQuick: false });
  const isWhole = fallbackCare({ changes, canStageAnew: false }) !== 'unsound';
  const release = isWhole ? null : await stillTrusted(options, { ...committed, ...of });
  const care = fallbackCare({ changes, canStageAnew: release !== null });
  return { version, changes, care, release };
}

/** Made whole, if it has to be, before what is ordered is fetched. Gives the bytes that were fetched for it. */
export async function mendFallback(
  options: FallbackOptions & { readonly log: Logger },
  { digest, manifest }: TrustedRelease,
): Promise<number> {
  const { slots, log, signal } = options;
  const of = { component: manifest.component, orderedDigest: digest };
  const fallback = await fallbackOf(options, of);
  if (fallback === null || fallback.release === null) return 0;
  const { version, changes, release } = fallback;
  log.warn('the version to fall back to was changed by hand: it is staged anew first', {
    version,
    changed: changesText(changes),
  });
  return (await slots.stage(release, { signal, onProgress: () => undefined })).bytesFetched;
}

/** Null: no repository has it any more, or another one of that version. */
async function stillTrusted(
  { trust, signal }: FallbackOptions,
  of: { readonly component: Component; readonly version: string; readonly digest: string },
): Promise<TrustedRelease | null> {
  try {
    const release = await trust.release(of, signal);
    return release.digest === of.digest ? release : null;
  } catch (error) {
    if (error instanceof CodedError && GONE.includes(error.code)) return null;
    throw error;
  }
}

const GONE: readonly string[] = [
  'release-unknown',
  'release-no-platform',
  'desired-version-invalid',
];
