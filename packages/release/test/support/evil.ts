/* What somebody with all online keys of a coordinator can sign. */
import type { ServerResponse } from 'node:http';
import { MetaFile, Snapshot, Targets, Timestamp } from '@tufjs/models';
import { sha256Of } from '../../src/digest.ts';
import type { OnlineKeys } from '../../src/keys.ts';
import { encodeMetadata, expiryText, SPEC_VERSION, signMetadata } from '../../src/metadata.ts';
import { readCurrentState } from '../../src/repository.ts';
import type { World } from './world.ts';

const DAY_MS = 86_400_000;

/** Serves these files, by path below the address, before the true ones. */
export function serve(world: World, files: Readonly<Record<string, Uint8Array | string>>): void {
  world.intruder = (request, response: ServerResponse) => {
    const bytes = files[decodeURIComponent(request.url ?? '')];
    if (bytes === undefined) return false;
    response.writeHead(200).end(bytes);
    return true;
  };
}

export interface Forgery {
  /** Replaces or adds metadata files by role name. */
  readonly roles?: Readonly<Record<string, { readonly bytes: Buffer; readonly version: number }>>;
  readonly timestampVersion?: number;
  readonly snapshotVersion?: number;
  readonly snapshotLength?: number;
  readonly expiresMs?: number;
  readonly keys?: OnlineKeys;
}

/** Signs snapshot and timestamp over whatever the forgery holds, and serves all of it. */
export async function forge(world: World, forgery: Forgery): Promise<void> {
  const state = await readCurrentState(world.repositoryDir);
  const keys = forgery.keys ?? world.onlineKeys;
  const expires = expiryText(forgery.expiresMs ?? world.clock.nowMs() + 5 * DAY_MS);
  const meta: Record<string, MetaFile> = { ...state.snapshot.metadata.signed.meta };
  const files: Record<string, Buffer> = {};
  for (const [name, { bytes, version }] of Object.entries(forgery.roles ?? {})) {
    meta[`${name}.json`] = metaFileOf(bytes, version);
    files[`/tuf/metadata/${version}.${name}.json`] = bytes;
  }
  const snapshotVersion = forgery.snapshotVersion ?? state.snapshot.metadata.signed.version + 1;
  const snapshotSigned = new Snapshot({
    version: snapshotVersion,
    specVersion: SPEC_VERSION,
    expires,
    meta,
  });
  const snapshot = encodeMetadata(signMetadata(snapshotSigned, [keys.snapshot]));
  const timestamp = encodeMetadata(
    signMetadata(
      new Timestamp({
        version: forgery.timestampVersion ?? state.timestamp.metadata.signed.version + 1,
        specVersion: SPEC_VERSION,
        expires,
        snapshotMeta: new MetaFile({
          version: snapshotVersion,
          length: forgery.snapshotLength ?? snapshot.length,
          hashes: { sha256: sha256Of(snapshot) },
        }),
      }),
      [keys.timestamp],
    ),
  );
  files[`/tuf/metadata/${snapshotVersion}.snapshot.json`] = snapshot;
  files['/tuf/metadata/timestamp.json'] = timestamp;
  serve(world, files);
}

/** A role with one target, signed with the given keys. */
export function roleWith(options: {
  readonly version: number;
  readonly target: {
    readonly path: string;
    readonly length: number;
    readonly hashes: Record<string, string>;
  };
  readonly keys: Parameters<typeof signMetadata>[1];
  readonly nowMs: number;
}): { readonly bytes: Buffer; readonly version: number } {
  const { path, length, hashes } = options.target;
  const role = Targets.fromJSON({
    _type: 'targets',
    spec_version: SPEC_VERSION,
    version: options.version,
    expires: expiryText(options.nowMs + 300 * DAY_MS),
    targets: { [path]: { length, hashes } },
  });
  return { bytes: encodeMetadata(signMetadata(role, options.keys)), version: options.version };
}

function metaFileOf(bytes: Buffer, version: number): MetaFile {
  return new MetaFile({ version, length: bytes.length, hashes: { sha256: sha256Of(bytes) } });
}
