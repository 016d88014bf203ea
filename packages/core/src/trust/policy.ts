/*
 * What the TUF client does not check: it accepts empty hashes, md5, versions that are no integers, lengths of
 * 1e308. Applied to metadata whose signatures already hold, before any of it is kept or acted on (RL21).
 */
import { type Component, isComponent } from '../component.ts';
import { isSha256, MANIFEST_LIMITS } from '../manifest.ts';
import { isPlatform, type Platform } from '../platform.ts';
import type { ReleaseDocument } from '../release-document.ts';
import { isVersion, type Version } from '../versions.ts';
import { TRUST_LIMITS } from './limits.ts';

export type PolicyVerdict<T> =
  | { readonly kind: 'accepted'; readonly value: T }
  | { readonly kind: 'refused'; readonly why: string };

export interface ReleaseName {
  readonly component: Component;
  readonly version: Version;
}

export interface CheckedTarget {
  readonly sha256: string;
  readonly length: number;
}

/** A target file as the client returned it: exactly one sha256 and a sane length. */
export function checkTarget(target: {
  readonly length: unknown;
  readonly hashes: unknown;
}): PolicyVerdict<CheckedTarget> {
  const hash = onlySha256(target.hashes);
  if (hash === null) return refused('its hashes are not exactly one sha256');
  const { length } = target;
  if (!isCount(length, 1) || length > TRUST_LIMITS.documentBytesMax) {
    return refused(`its length is not 1 to ${TRUST_LIMITS.documentBytesMax}`);
  }
  return { kind: 'accepted', value: { sha256: hash, length } };
}

/** The `signed` part of a metadata file: integer versions from 1, files that are named with sane versions, lengths and hashes. */
export function checkMetadata(signed: unknown): PolicyVerdict<{ readonly version: number }> {
  const fields = fieldsOf(signed);
  if (fields === null) return refused('it is not an object');
  const version = fields['version'];
  if (!isCount(version, 1)) return refused('its version is not a whole number from 1');
  const meta = fields['meta'] === undefined ? {} : fieldsOf(fields['meta']);
  if (meta === null) return refused('its list of metadata is not an object');
  for (const [name, entry] of Object.entries(meta)) {
    const why = metaFileFault(entry);
    if (why !== null) return refused(`${name}: ${why}`);
  }
  return { kind: 'accepted', value: { version } };
}

/** The release document that a target led to; `text` has the target's hash. */
export function checkReleaseDocument(
  text: string,
  wanted: ReleaseName,
): PolicyVerdict<ReleaseDocument> {
  const fields = fieldsOf(parsedOrNull(text));
  if (fields === null) return refused('the release document is not a JSON object');
  if (fields['format'] !== 1) return refused('this program reads release documents of format 1');
  const { component, version } = fields;
  if (typeof component !== 'string' || !isComponent(component) || component !== wanted.component) {
    return refused(`the release document is not about the component ${wanted.component}`);
  }
  if (typeof version !== 'string' || !isVersion(version) || version !== wanted.version) {
    return refused(`the release document is not about version ${wanted.version}`);
  }
  const named = fieldsOf(fields['manifests']);
  if (named === null) return refused('the release document names no manifests');
  const manifests: Partial<Record<Platform, CheckedTarget>> = {};
  for (const [platform, entry] of Object.entries(named)) {
    // A platform that this version does not know is a newer one's: no reason to refuse ours.
    if (!isPlatform(platform)) continue;
    const manifest = manifestOf(entry);
    if (manifest === null)
      return refused(`the manifest of ${platform} has no sane sha256 and length`);
    manifests[platform] = manifest;
  }
  return { kind: 'accepted', value: { format: 1, component, version, manifests } };
}

function manifestOf(entry: unknown): CheckedTarget | null {
  const fields = fieldsOf(entry);
  if (fields === null) return null;
  const { sha256, length } = fields;
  if (typeof sha256 !== 'string' || !isSha256(sha256)) return null;
  if (!isCount(length, 1) || length > MANIFEST_LIMITS.bytesMax) return null;
  return { sha256, length };
}

function metaFileFault(entry: unknown): string | null {
  const fields = fieldsOf(entry);
  if (fields === null) return 'not an object';
  if (!isCount(fields['version'], 1)) return 'its version is not a whole number from 1';
  const { length, hashes } = fields;
  if (length !== undefined && (!isCount(length, 1) || length > TRUST_LIMITS.roleBytesMax)) {
    return `its length is not 1 to ${TRUST_LIMITS.roleBytesMax}`;
  }
  if (hashes !== undefined && onlySha256(hashes) === null)
    return 'its hashes are not exactly one sha256';
  return null;
}

function onlySha256(hashes: unknown): string | null {
  const fields = fieldsOf(hashes);
  if (fields === null || Object.keys(fields).length !== 1) return null;
  const { sha256 } = fields;
  return typeof sha256 === 'string' && isSha256(sha256) ? sha256 : null;
}

function isCount(value: unknown, min: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return value as Readonly<Record<string, unknown>>;
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refused(why: string): { readonly kind: 'refused'; readonly why: string } {
  return { kind: 'refused', why };
}
