/* Reading and writing signed metadata; the bytes that are published are exactly those that were signed and checked. */
import { CodedError, type ErrorCode } from '@moult/core/errors';
import { metadataBytesMax } from '@moult/core/trust';
import {
  Metadata,
  MetadataKind,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from '@tufjs/models';
import type { SigningKey } from './signing-key.ts';

type Json = Parameters<typeof Root.fromJSON>[0];

export const SPEC_VERSION = '1.0.31';

/** Seconds only, as TUF writes times. */
export function expiryText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

export function signMetadata<T extends Root | Snapshot | Targets | Timestamp>(
  signed: T,
  keys: readonly SigningKey[],
): Metadata<T> {
  const metadata = new Metadata(signed);
  for (const key of keys) metadata.sign((bytes) => key.sign(bytes));
  return metadata;
}

export function encodeMetadata(metadata: Metadata<Root | Snapshot | Targets | Timestamp>): Buffer {
  return Buffer.from(`${JSON.stringify(metadata.toJSON())}\n`);
}

export function readRoot(bytes: Uint8Array, code: ErrorCode): Metadata<Root> {
  return read(bytes, { code, role: 'root' }, (json) => Metadata.fromJSON(MetadataKind.Root, json));
}

/** Top-level targets or a delegated role; `role` names it in errors and gives its size limit. */
export function readTargets(bytes: Uint8Array, code: ErrorCode, role: string): Metadata<Targets> {
  return read(bytes, { code, role }, (json) => Metadata.fromJSON(MetadataKind.Targets, json));
}

export function readSnapshot(bytes: Uint8Array, code: ErrorCode): Metadata<Snapshot> {
  return read(bytes, { code, role: 'snapshot' }, (json) =>
    Metadata.fromJSON(MetadataKind.Snapshot, json),
  );
}

export function readTimestamp(bytes: Uint8Array, code: ErrorCode): Metadata<Timestamp> {
  return read(bytes, { code, role: 'timestamp' }, (json) =>
    Metadata.fromJSON(MetadataKind.Timestamp, json),
  );
}

export function jsonOf(value: unknown): Json {
  return value as Json;
}

/** Size first: parsing is quadratic (T5). */
function read<T>(
  bytes: Uint8Array,
  what: { readonly code: ErrorCode; readonly role: string },
  parse: (json: Json) => T,
): T {
  if (bytes.length > metadataBytesMax(what.role)) {
    const code = what.code === 'submission-invalid' ? 'metadata-too-large' : what.code;
    throw new CodedError(code, `the metadata of ${what.role} is beyond what agents read`);
  }
  try {
    return parse(jsonOf(JSON.parse(Buffer.from(bytes).toString('utf8'))));
  } catch (cause) {
    throw new CodedError(what.code, `the metadata of ${what.role} cannot be read`, { cause });
  }
}
