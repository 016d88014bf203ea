import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { LIFETIME_MS, nextOnlineVersion, sizeVerdict } from '@moult/core/trust';
import { MetaFile, Snapshot, Timestamp } from '@tufjs/models';
import { sha256Of } from './digest.ts';
import type { OnlineKeys } from './key-files.ts';
import { encodeMetadata, expiryText, SPEC_VERSION, signMetadata } from './metadata.ts';
import type { RepositoryDisk } from './repository-disk.ts';
import type { RepositoryState } from './repository-state.ts';

/** Versions of one role kept for clients that read an older timestamp just now. Roots are kept for ever: hosts walk them one by one. */
const KEPT_VERSIONS = 8;

interface VersionedFile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly version: number;
}

export interface StatePlan {
  /** Where the new state is made; must not be there yet. */
  readonly dir: string;
  readonly before: RepositoryState | null;
  /** New links of the chain of roots. */
  readonly roots: readonly { readonly bytes: Buffer; readonly version: number }[];
  readonly roles: readonly VersionedFile[];
  readonly documents: readonly { readonly path: string; readonly bytes: Buffer }[];
  readonly onlineKeys: OnlineKeys;
  readonly nowMs: number;
  /** Versions of snapshot and timestamp are at least this; nothing: as they follow. */
  readonly versionMin?: number;
  readonly disk: RepositoryDisk;
}

/** Writes a complete state: what was there as links, what is new as files, snapshot and timestamp signed anew. */
export async function writeState(plan: StatePlan): Promise<void> {
  const { dir, disk, before } = plan;
  const metadataDir = join(dir, 'metadata');
  const targetsDir = join(dir, 'targets');
  await disk.makeDir(metadataDir);
  await disk.makeDir(targetsDir);
  const online = signOnline(plan);
  const fresh = [
    ...plan.roots.map(({ version, bytes }) => ({ name: `${version}.root.json`, bytes })),
    ...plan.roles.map(({ name, version, bytes }) => ({ name: `${version}.${name}.json`, bytes })),
    ...online,
  ];
  const written = new Set(fresh.map((file) => file.name));
  if (before !== null) {
    for (const name of keptNames(await readdir(join(before.dir, 'metadata')))) {
      if (!written.has(name))
        await disk.link(join(before.dir, 'metadata', name), join(metadataDir, name));
    }
    await linkTree({ from: join(before.dir, 'targets'), to: targetsDir, disk });
  }
  for (const file of fresh) await disk.write(join(metadataDir, file.name), file.bytes);
  for (const document of plan.documents) {
    const path = join(targetsDir, document.path);
    await disk.makeDir(dirname(path));
    await disk.write(path, document.bytes);
  }
}

function signOnline(plan: StatePlan): readonly { readonly name: string; readonly bytes: Buffer }[] {
  const { before, nowMs, onlineKeys } = plan;
  const next = (last: number | undefined) =>
    Math.max(nextOnlineVersion(last ?? 0, nowMs), plan.versionMin ?? 0);
  const meta: Record<string, MetaFile> = { ...before?.snapshot.metadata.signed.meta };
  for (const { name, bytes, version } of plan.roles)
    meta[`${name}.json`] = metaFileOf(bytes, version);
  const snapshotVersion = next(before?.snapshot.metadata.signed.version);
  const snapshot = encodeMetadata(
    signMetadata(
      new Snapshot({
        version: snapshotVersion,
        specVersion: SPEC_VERSION,
        expires: expiryText(nowMs + LIFETIME_MS.snapshot),
        meta,
      }),
      [onlineKeys.snapshot],
    ),
  );
  if (sizeVerdict({ role: 'snapshot', sizeBytes: snapshot.length }) === 'above') {
    throw new CodedError('metadata-too-large', 'the snapshot is beyond what agents read');
  }
  const timestamp = encodeMetadata(
    signMetadata(
      new Timestamp({
        version: next(before?.timestamp.metadata.signed.version),
        specVersion: SPEC_VERSION,
        expires: expiryText(nowMs + LIFETIME_MS.timestamp),
        snapshotMeta: metaFileOf(snapshot, snapshotVersion),
      }),
      [onlineKeys.timestamp],
    ),
  );
  return [
    { name: `${snapshotVersion}.snapshot.json`, bytes: snapshot },
    { name: 'timestamp.json', bytes: timestamp },
  ];
}

function metaFileOf(bytes: Buffer, version: number): MetaFile {
  return new MetaFile({ version, length: bytes.length, hashes: { sha256: sha256Of(bytes) } });
}

/** All but timestamp.json, and of each role the newest versions. */
function keptNames(names: readonly string[]): readonly string[] {
  const byRole = new Map<string, { readonly name: string; readonly version: number }[]>();
  for (const name of names) {
    const match = /^(\d+)\.(.+)\.json$/.exec(name);
    if (match?.[2] === undefined) continue;
    const versions = byRole.get(match[2]) ?? [];
    versions.push({ name, version: Number(match[1]) });
    byRole.set(match[2], versions);
  }
  return [...byRole].flatMap(([role, versions]) => {
    const newest = versions.sort((a, b) => b.version - a.version);
    return (role === 'root' ? newest : newest.slice(0, KEPT_VERSIONS)).map(({ name }) => name);
  });
}

async function linkTree(options: {
  readonly from: string;
  readonly to: string;
  readonly disk: RepositoryDisk;
}): Promise<void> {
  const { from, to, disk } = options;
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const copy = join(to, entry.name);
    if (entry.isDirectory()) {
      await disk.makeDir(copy);
      await linkTree({ from: source, to: copy, disk });
    } else {
      await disk.link(source, copy);
    }
  }
}
