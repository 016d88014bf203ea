/*
 * The keys of releases. root and release keys belong offline; snapshot and timestamp keys live on the
 * coordinator. One command makes a working set for a small team; several keys and higher thresholds are lists here.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { LIFETIME_MS } from '@moult/core/trust';
import type { Clock } from '@moult/runtime/clock';
import { codeOf, makeDirectoryDurably, syncDirectory } from '@moult/runtime/files';
import { Root, Targets } from '@tufjs/models';
import { withFile } from './blob-store.ts';
import { sha256Of } from './digest.ts';
import { KEY_ROLES, type KeyRole, namesIn } from './key-files.ts';
import { encodeMetadata, expiryText, jsonOf, SPEC_VERSION, signMetadata } from './metadata.ts';
import { ROOT_METADATA_NAME } from './root-files.ts';
import { generateKeyPem, type SigningKey, signingKeyOf } from './signing-key.ts';

export {
  keyFilesIn,
  loadNamedKeys,
  loadOnlineKeys,
  loadReleaseKeys,
  loadRootKeys,
  namedBy,
  type OnlineKeys,
} from './key-files.ts';
export type { SigningKey } from './signing-key.ts';

export const TARGETS_METADATA_NAME = 'targets.json';

export interface KeysMade {
  readonly rootPath: string;
  readonly targetsPath: string;
  /** What enrollment tokens carry and agents pin. */
  readonly rootSha256: string;
  readonly keyPaths: Readonly<Record<KeyRole, string>>;
}

/**
 * Makes `root.key`, `release.key`, `snapshot.key`, `timestamp.key` (0600) and the signed `root.json` and
 * `targets.json`, version 1. Throws `keys-exist` when any of them is there: nothing is overwritten.
 */
export async function initKeys(options: {
  readonly dir: string;
  readonly clock: Clock;
}): Promise<KeysMade> {
  const { dir, clock } = options;
  await makeDirectoryDurably(dir);
  const paths = {
    root: join(dir, 'root.key'),
    release: join(dir, 'release.key'),
    snapshot: join(dir, 'snapshot.key'),
    timestamp: join(dir, 'timestamp.key'),
  } satisfies Record<KeyRole, string>;
  await refuseExisting(dir);
  const pems = {
    root: generateKeyPem(),
    release: generateKeyPem(),
    snapshot: generateKeyPem(),
    timestamp: generateKeyPem(),
  } satisfies Record<KeyRole, string>;
  for (const role of KEY_ROLES) await writeNew(paths[role], pems[role], 0o600);
  const keyOf = (role: KeyRole) => signingKeyOf(pems[role], paths[role]);
  const root = buildRoot({
    version: 1,
    expiresMs: clock.nowMs() + LIFETIME_MS.root,
    roles: {
      root: { keys: [keyOf('root')], threshold: 1 },
      targets: { keys: [keyOf('release')], threshold: 1 },
      snapshot: { keys: [keyOf('snapshot')], threshold: 1 },
      timestamp: { keys: [keyOf('timestamp')], threshold: 1 },
    },
    signers: [keyOf('root')],
  });
  const targets = encodeMetadata(
    signMetadata(
      new Targets({
        version: 1,
        specVersion: SPEC_VERSION,
        expires: expiryText(clock.nowMs() + LIFETIME_MS.release),
      }),
      [keyOf('release')],
    ),
  );
  const rootPath = join(dir, ROOT_METADATA_NAME);
  const targetsPath = join(dir, TARGETS_METADATA_NAME);
  await writeNew(rootPath, root, 0o644);
  await writeNew(targetsPath, targets, 0o644);
  await syncDirectory(dir);
  return { rootPath, targetsPath, rootSha256: sha256Of(root), keyPaths: paths };
}

export interface RootRole {
  readonly keys: readonly Pick<SigningKey, 'keyId' | 'publicKey'>[];
  readonly threshold: number;
}

export interface RootPlan {
  readonly version: number;
  readonly expiresMs: number;
  readonly roles: Readonly<Record<'root' | 'targets' | 'snapshot' | 'timestamp', RootRole>>;
  /** For a rotation: holders of the old root as well as of the new one. */
  readonly signers: readonly SigningKey[];
}

/** The signed bytes of a root; any number of keys and any thresholds. */
export function buildRoot(plan: RootPlan): Buffer {
  const keys: Record<string, unknown> = {};
  const roles: Record<string, unknown> = {};
  for (const [name, role] of Object.entries(plan.roles)) {
    for (const key of role.keys) keys[key.keyId] = key.publicKey.toJSON();
    roles[name] = { keyids: role.keys.map((key) => key.keyId), threshold: role.threshold };
  }
  const root = Root.fromJSON(
    jsonOf({
      _type: 'root',
      spec_version: SPEC_VERSION,
      version: plan.version,
      expires: expiryText(plan.expiresMs),
      consistent_snapshot: true,
      keys,
      roles,
    }),
  );
  return encodeMetadata(signMetadata(root, plan.signers));
}

async function refuseExisting(dir: string): Promise<void> {
  const made: readonly string[] = [
    ...KEY_ROLES.map((role) => `${role}.key`),
    ROOT_METADATA_NAME,
    TARGETS_METADATA_NAME,
  ];
  const existing = (await namesIn(dir)).filter((name) => made.includes(name));
  if (existing.length === 0) return;
  throw new CodedError('keys-exist', `${dir} holds ${existing.join(', ')} already`);
}

async function writeNew(path: string, bytes: string | Uint8Array, mode: number): Promise<void> {
  try {
    await withFile(open(path, 'wx', mode), async (file) => {
      await file.writeFile(bytes);
      await file.sync();
    });
  } catch (cause) {
    const code = codeOf(cause) === 'EEXIST' ? 'keys-exist' : 'file-unwritable';
    throw new CodedError(code, `cannot write ${path}`, { cause });
  }
}
