/*
 * A release for one platform is a tree of files named by a manifest. The sha256 of the manifest's
 * canonical bytes is the release's digest: whoever trusts the digest trusts each byte of the tree.
 * Canonical: JSON, keys sorted, no white space, one newline at the end. Frozen: older agents read newer manifests;
 * unknown fields are ignored when reading (they still count for the digest, which is taken over the bytes).
 */
import { type Component, isComponent } from './component.ts';
import { CodedError } from './errors/index.ts';
import { isPlatform, type Platform } from './platform.ts';
import { isVersion, type Version } from './versions.ts';

export interface ManifestFile {
  /** Relative, `/` separated, no `.` or `..` segment. */
  readonly path: string;
  readonly sha256: string;
  /** In bytes. */
  readonly length: number;
  readonly executable: boolean;
}

export interface Manifest {
  readonly format: 1;
  readonly component: Component;
  readonly version: Version;
  readonly platform: Platform;
  /** Started as `<slot>/<program> <slot>/<script> …`; both are among `files`. */
  readonly program: string;
  readonly script: string;
  readonly files: readonly ManifestFile[];
  /** The oldest launcher under which this release may be tried; null: any. */
  readonly minimumLauncher: Version | null;
  /** Number of the state schema that this release writes, and the oldest release's schema number that can read it. */
  readonly stateSchema: number;
  readonly readableSince: number;
  /** How long it must be healthy in probation, in ms (5 s to 1 h). */
  readonly probationMs: number;
  /** True: its state cannot be read by the version before, so rolling back by hand loses what was written since. */
  readonly irreversible: boolean;
  /** It knows `--rehearse`: one that does not would look broken there, and is not asked. Of the agent only. */
  readonly rehearses: boolean;
}

export const MANIFEST_LIMITS = {
  /** A release is a runtime, a few scripts and notices; a thousand leaves room and keeps the text under 256 KiB. */
  filesMax: 1000,
  bytesMax: 262_144,
  /** The runtime is 120 MiB; four times that leaves room for debug builds. */
  fileBytesMax: 536_870_912,
  totalBytesMax: 2_147_483_648,
  pathBytesMax: 200,
  probationMsMin: 5_000,
  probationMsMax: 3_600_000,
} as const;

/** `manifest.json` lies beside the files it names and is not one of them. */
export const MANIFEST_PATH = 'manifest.json';

const SEGMENT = /^[A-Za-z0-9_@+.-]+$/;
const SHA256 = /^[0-9a-f]{64}$/;

export function isSha256(text: string): boolean {
  return SHA256.test(text);
}

/** Whether a path of a manifest can name a file inside a slot on every file system that we support. */
export function isSafePath(path: string): boolean {
  if (path.length === 0 || path.length > MANIFEST_LIMITS.pathBytesMax) return false;
  return path
    .split('/')
    .every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..');
}

export function encodeManifest(manifest: Manifest): string {
  return `${canonicalJson(manifest)}\n`;
}

/** JSON with sorted keys and no white space, for texts whose hash matters. Numbers must be safe integers. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** Reads and checks a manifest. Throws `manifest-invalid`, naming the field. */
export function parseManifest(text: string): Manifest {
  if (text.length > MANIFEST_LIMITS.bytesMax)
    invalid('text', `longer than ${MANIFEST_LIMITS.bytesMax} bytes`);
  const raw = parseObject(text);
  const component = stringOf(raw, 'component');
  if (!isComponent(component)) invalid('component', `unknown: ${component}`);
  const version = stringOf(raw, 'version');
  if (!isVersion(version)) invalid('version', `not a version: ${version}`);
  const platform = stringOf(raw, 'platform');
  if (!isPlatform(platform)) invalid('platform', `unknown: ${platform}`);
  if (raw['format'] !== 1) invalid('format', 'this program reads format 1');
  const minimumLauncher = raw['minimumLauncher'];
  if (
    minimumLauncher !== null &&
    (typeof minimumLauncher !== 'string' || !isVersion(minimumLauncher))
  ) {
    invalid('minimumLauncher', 'neither null nor a version');
  }
  const files = filesOf(raw['files']);
  return {
    format: 1,
    component,
    version,
    platform,
    program: fileNamed(files, stringOf(raw, 'program'), 'program'),
    script: fileNamed(files, stringOf(raw, 'script'), 'script'),
    files,
    minimumLauncher,
    stateSchema: integerOf(raw, 'stateSchema', { min: 1, max: 1_000_000 }),
    readableSince: integerOf(raw, 'readableSince', { min: 1, max: 1_000_000 }),
    probationMs: integerOf(raw, 'probationMs', {
      min: MANIFEST_LIMITS.probationMsMin,
      max: MANIFEST_LIMITS.probationMsMax,
    }),
    irreversible: raw['irreversible'] === true,
    rehearses: raw['rehearses'] === true,
  };
}

function filesOf(raw: unknown): readonly ManifestFile[] {
  if (!Array.isArray(raw) || raw.length === 0 || raw.length > MANIFEST_LIMITS.filesMax) {
    invalid('files', `not a list of 1 to ${MANIFEST_LIMITS.filesMax}`);
  }
  const seen = new Set<string>();
  let total = 0;
  const files = raw.map((entry: unknown): ManifestFile => {
    if (typeof entry !== 'object' || entry === null) invalid('files', 'an entry is not an object');
    const fields = entry as Record<string, unknown>;
    const path = stringOf(fields, 'path');
    if (!isSafePath(path) || path === MANIFEST_PATH)
      invalid('files', `unsafe path ${JSON.stringify(path)}`);
    // Twins by case would be one file on some systems.
    const folded = path.toLowerCase();
    if (seen.has(folded)) invalid('files', `path named twice: ${path}`);
    seen.add(folded);
    const sha256 = stringOf(fields, 'sha256');
    if (!isSha256(sha256)) invalid('files', `sha256 of ${path} is not 64 hex digits`);
    const length = integerOf(fields, 'length', { min: 0, max: MANIFEST_LIMITS.fileBytesMax });
    total += length;
    return { path, sha256, length, executable: fields['executable'] === true };
  });
  if (total > MANIFEST_LIMITS.totalBytesMax) invalid('files', 'the tree is too large');
  for (const path of seen) {
    for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1)) {
      if (seen.has(path.slice(0, cut)))
        invalid('files', `${path.slice(0, cut)} is a file and a directory`);
    }
  }
  return files;
}

function fileNamed(files: readonly ManifestFile[], path: string, field: string): string {
  if (!files.some((file) => file.path === path)) invalid(field, `${path} is not among the files`);
  return path;
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CodedError('manifest-invalid', 'the manifest is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    invalid('text', 'not an object');
  return value as Record<string, unknown>;
}

function stringOf(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') invalid(name, 'not a text');
  return value;
}

function integerOf(
  fields: Record<string, unknown>,
  name: string,
  range: { readonly min: number; readonly max: number },
): number {
  const value = fields[name];
  if (
    typeof value !== 'number' ||
    !Number.isSafeInteger(value) ||
    value < range.min ||
    value > range.max
  ) {
    invalid(name, `not a whole number from ${range.min} to ${range.max}`);
  }
  return value;
}

function invalid(field: string, why: string): never {
  throw new CodedError('manifest-invalid', `manifest field ${field}: ${why}`);
}
