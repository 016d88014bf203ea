import { CodedError } from '@moult/core/errors';
import { type Manifest, parseManifest } from '@moult/core/manifest';
import type { Platform } from '@moult/core/platform';
import type { ReleaseName } from '@moult/core/trust';
import { sha256Of } from './digest.ts';

declare const proof: unique symbol;

/** A manifest that release keys vouch for. Only the trust client, or an operator installing a pack by hand, makes one; staging takes nothing else (RL20). */
export interface VerifiedManifest {
  readonly manifest: Manifest;
  readonly digest: string;
  /** The exact bytes whose sha256 is the digest. */
  readonly bytes: Uint8Array;
  readonly [proof]: true;
}

/** Values made here and nowhere else: a cast gets past the compiler, not past this. */
const verified = new WeakSet<object>();

/** `expected.sha256` must come from a verified release document. Throws `trust-refused` or `manifest-invalid`. */
export function proveManifest(
  bytes: Uint8Array,
  expected: ReleaseName & { readonly platform: Platform; readonly sha256: string },
): VerifiedManifest {
  const digest = sha256Of(bytes);
  if (digest !== expected.sha256) {
    throw new CodedError('trust-refused', 'the manifest is not the one that the release names');
  }
  const manifest = parseManifest(Buffer.from(bytes).toString('utf8'));
  const isExpected =
    manifest.component === expected.component &&
    manifest.version === expected.version &&
    manifest.platform === expected.platform;
  if (!isExpected) {
    throw new CodedError(
      'trust-refused',
      `the manifest is about ${manifest.component} ${manifest.version} for ${manifest.platform}`,
    );
  }
  const made = { manifest, digest, bytes: Uint8Array.from(bytes) } as unknown as VerifiedManifest;
  verified.add(made);
  return made;
}

/** Throws for a value that no verification made: a defect of the caller. */
export function requireProof(value: VerifiedManifest): void {
  if (!verified.has(value)) throw new Error('this manifest was not verified');
}
