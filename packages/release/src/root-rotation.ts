/*
 * New keys, and the root that names them.
 *
 *   new key files, each durable in its place, under names of their own      nothing has changed yet
 *   roots/<n>.root.json                                                     the link before is kept
 *   root.json, replaced in one step by version n + 1                        from here on the new keys count
 *   old key files to retired/, targets.json signed anew, roots/<n+1>.root.json    the last one says: finished
 *
 * Whoever is interrupted runs the same again: before the switch it starts over with the keys that are made, after it
 * the rest is done and no second rotation is made (RL51). Old keys are kept aside, never deleted: the root names them no more.
 */
import { basename, join } from 'node:path';
import { CodedError } from '@moult/core/errors';
import { LIFETIME_MS, sizeVerdict } from '@moult/core/trust';
import type { Clock } from '@moult/runtime/clock';
import { readTextIfPresent } from '@moult/runtime/files';
import { Targets } from '@tufjs/models';
import { sha256Of } from './digest.ts';
import {
  KEY_ROLES,
  type KeyFile,
  type KeyRole,
  keyFilesIn,
  loadNamedKeys,
  namedBy,
  roleOf,
  shortId,
  TUF_ROLE,
} from './key-files.ts';
import { buildRoot, type RootRole, TARGETS_METADATA_NAME } from './keys.ts';
import { type KeysDisk, systemKeysDisk } from './keys-disk.ts';
import { encodeMetadata, expiryText, readRoot, readTargets, signMetadata } from './metadata.ts';
import {
  keptRootPath,
  keptRootsDir,
  ROOT_METADATA_NAME,
  type RootFile,
  readKeptRoot,
  readNewestRoot,
} from './root-files.ts';
import { generateKeyPem, loadSigningKey, type SigningKey, signingKeyOf } from './signing-key.ts';

/** Which keys are replaced. A renewal replaces none: the same root with a new expiry. */
export type Rotation = 'root' | 'release' | 'online' | 'renewal';

const REPLACED: Readonly<Record<Rotation, readonly KeyRole[]>> = {
  root: ['root'],
  release: ['release'],
  online: ['snapshot', 'timestamp'],
  renewal: [],
};

export interface RotateOptions {
  readonly rotation: Rotation;
  /** Holds root.json, and the keys that are not elsewhere. */
  readonly keysDir: string;
  /** Where the root keys are: offline media, or `keysDir`. */
  readonly rootKeyDirs: readonly string[];
  /** Where new root or release keys go, one into each; online keys go to `keysDir`. */
  readonly newKeyDirs: readonly string[];
  /** How many of the new keys must sign; null: as many as now. */
  readonly threshold: number | null;
  readonly clock: Clock;
  readonly disk?: KeysDisk;
}

export interface Rotated {
  readonly rotation: Rotation;
  readonly version: number;
  readonly expiresMs: number;
  readonly rootPath: string;
  readonly rootSha256: string;
  readonly newKeyPaths: readonly string[];
  /** Where the keys lie now that count no more. */
  readonly retiredKeyPaths: readonly string[];
  /** An earlier, interrupted run had made the switch: this one finished it. */
  readonly isResumed: boolean;
}

const OWNER_ONLY = 0o600;
const EVERYBODY = 0o644;

/** Throws `keys-missing`, `keys-below-threshold`, `root-refused`, `metadata-too-large`. */
export async function rotateKeys(options: RotateOptions): Promise<Rotated> {
  const { keysDir, rotation, clock } = options;
  const disk = options.disk ?? systemKeysDisk;
  const before = await readNewestRoot(keysDir);
  const resumed = await resume({ ...options, disk }, before);
  if (resumed?.rotation === rotation) return resumed;
  const signers = await loadNamedKeys({
    dirs: options.rootKeyDirs,
    role: 'root',
    root: before.metadata,
  });
  const fresh = await makeKeys({ ...options, disk }, before);
  const isReplaced = (role: KeyRole) => REPLACED[rotation].includes(role);
  const roleFor = (role: KeyRole): RootRole => {
    const { keyIDs, threshold } = roleOf(before.metadata, role);
    if (isReplaced(role)) {
      return { keys: fresh[role], threshold: options.threshold ?? threshold };
    }
    const keys = keyIDs.flatMap((keyId) => {
      const publicKey = before.metadata.signed.keys[keyId];
      return publicKey === undefined ? [] : [{ keyId, publicKey }];
    });
    return { keys, threshold };
  };
  const bytes = buildRoot({
    version: before.version + 1,
    expiresMs: clock.nowMs() + LIFETIME_MS.root,
    roles: {
      root: roleFor('root'),
      targets: roleFor('release'),
      snapshot: roleFor('snapshot'),
      timestamp: roleFor('timestamp'),
    },
    // RL50: the keys of the root before, and those that the new one names.
    signers: [...signers, ...fresh.root],
  });
  requireLink(before, bytes);
  await disk.makeDir(keptRootsDir(keysDir));
  await disk.write(keptRootPath(keysDir, before.version), before.text, EVERYBODY);
  await disk.write(join(keysDir, ROOT_METADATA_NAME), bytes, EVERYBODY);
  return await finish({ ...options, disk }, false);
}

type Run = RotateOptions & { readonly disk: KeysDisk };

/** Null when the last rotation was finished. */
async function resume(options: Run, newest: RootFile): Promise<Rotated | null> {
  const { keysDir } = options;
  const [last, before] = await Promise.all([
    readKeptRoot(keysDir, newest.version),
    readKeptRoot(keysDir, newest.version - 1),
  ]);
  // Without the link before it was not made here: a first root, or one that was carried here.
  if (last !== null || before === null) return null;
  const changed = KEY_ROLES.filter(
    (role) => keyIdsOf(newest, role) !== keyIdsOf(before, role),
  ).join();
  const rotation = (Object.keys(REPLACED) as Rotation[]).find(
    (kind) => REPLACED[kind].join() === changed,
  );
  return await finish({ ...options, rotation: rotation ?? 'renewal' }, true);
}

/** What follows the switch; may be repeated. */
async function finish(options: Run, isResumed: boolean): Promise<Rotated> {
  const { keysDir, rotation, disk } = options;
  const root = await readNewestRoot(keysDir);
  const newKeyPaths: string[] = [];
  const retiredKeyPaths: string[] = [];
  for (const { dir, role } of placesOf(options)) {
    const files = await keyFilesIn(dir, role);
    const named = namedBy(root.metadata, role, files);
    if (REPLACED[rotation].includes(role)) newKeyPaths.push(...named.map(({ path }) => path));
    for (const file of files.filter((one) => !keyIdsOf(root, role).includes(one.key.keyId))) {
      retiredKeyPaths.push(await retire(disk, dir, file));
    }
  }
  await signTargets(options, root);
  await disk.makeDir(keptRootsDir(keysDir));
  await disk.write(keptRootPath(keysDir, root.version), root.text, EVERYBODY);
  return {
    rotation,
    version: root.version,
    expiresMs: Date.parse(root.metadata.signed.expires),
    rootPath: join(keysDir, ROOT_METADATA_NAME),
    rootSha256: sha256Of(root.text),
    newKeyPaths,
    retiredKeyPaths,
    isResumed,
  };
}

/** Every directory with the roles whose keys may lie there, each pair once. */
function placesOf(options: Run): readonly { readonly dir: string; readonly role: KeyRole }[] {
  const { keysDir, rootKeyDirs, rotation } = options;
  const places = [
    ...KEY_ROLES.map((role) => ({ dir: keysDir, role })),
    ...rootKeyDirs.map((dir) => ({ dir, role: 'root' as const })),
    ...REPLACED[rotation].flatMap((role) => dirsFor(options, role).map((dir) => ({ dir, role }))),
  ];
  const keyOf = (place: (typeof places)[number]) => `${place.role} ${place.dir}`;
  return places.filter(
    (place, index) => places.findIndex((other) => keyOf(other) === keyOf(place)) === index,
  );
}

function dirsFor(options: RotateOptions, role: KeyRole): readonly string[] {
  return role === 'root' || role === 'release' ? options.newKeyDirs : [options.keysDir];
}

async function makeKeys(
  options: Run,
  before: RootFile,
): Promise<Readonly<Record<KeyRole, readonly SigningKey[]>>> {
  const fresh: Record<KeyRole, readonly SigningKey[]> = {
    root: [],
    release: [],
    snapshot: [],
    timestamp: [],
  };
  for (const role of REPLACED[options.rotation]) {
    const dirs = [...new Set(dirsFor(options, role))];
    const threshold = options.threshold ?? roleOf(before.metadata, role).threshold;
    if (threshold < 1 || threshold > dirs.length) {
      throw new CodedError(
        'keys-below-threshold',
        `${threshold} ${role} keys would have to sign, and ${dirs.length} would be made`,
        { remedy: 'Name a directory for each new key with --to DIR DIR…, or lower --threshold.' },
      );
    }
    const keys: SigningKey[] = [];
    for (const dir of dirs) keys.push(await makeKey({ ...options, dir, role, before }));
    fresh[role] = keys;
  }
  return fresh;
}

/** One that an interrupted run made, which no root has named, serves as well. */
async function makeKey(
  of: Run & { readonly dir: string; readonly role: KeyRole; readonly before: RootFile },
): Promise<SigningKey> {
  const { dir, role, before, disk } = of;
  const path = join(dir, `${role}-v${before.version + 1}.key`);
  await disk.makeDir(dir);
  if ((await readTextIfPresent(path)) === null) {
    const pem = generateKeyPem();
    // RL11: a name that is taken is never written over; rotations of one directory run one at a time.
    await disk.write(path, pem, OWNER_ONLY);
    return signingKeyOf(pem, path);
  }
  const key = await loadSigningKey(path);
  if (!keyIdsOf(before, role).includes(key.keyId)) return key;
  throw new CodedError('keys-exist', `${path} is in use already`);
}

function keyIdsOf(root: RootFile, role: KeyRole): string {
  return [...roleOf(root.metadata, role).keyIDs].sort().join();
}

/** Checked as an agent checks it, before anything says that it counts. */
function requireLink(before: RootFile, bytes: Buffer): void {
  if (sizeVerdict({ role: 'root', sizeBytes: bytes.length }) === 'above') {
    throw new CodedError('metadata-too-large', 'the new root is beyond what agents read', {
      remedy: 'Use fewer keys.',
    });
  }
  const next = readRoot(bytes, 'root-refused');
  before.metadata.verifyDelegate('root', next);
  next.verifyDelegate('root', next);
}

async function retire(disk: KeysDisk, dir: string, file: KeyFile): Promise<string> {
  const retiredDir = join(dir, 'retired');
  await disk.makeDir(retiredDir);
  const name = basename(file.path, '.key');
  // With the key's id: two of one name would be one file.
  const to = join(retiredDir, `${name}.${shortId(file.key.keyId)}.key`);
  await disk.move(file.path, to);
  return to;
}

/**
 * The first targets, for a coordinator that is made later from these keys. A running one has its own, which are signed
 * anew when the root is published.
 */
async function signTargets(options: Run, root: RootFile): Promise<void> {
  const path = join(options.keysDir, TARGETS_METADATA_NAME);
  const text = await readTextIfPresent(path);
  if (text === null) return;
  const targets = readTargets(Buffer.from(text), 'root-refused', 'targets');
  try {
    root.metadata.verifyDelegate(TUF_ROLE.release, targets);
    return;
  } catch {
    // Signed by release keys that count no more.
  }
  const keys = await loadNamedKeys({
    dirs: [...new Set([options.keysDir, ...options.newKeyDirs])],
    role: 'release',
    root: root.metadata,
  });
  const next = new Targets({
    version: targets.signed.version + 1,
    specVersion: targets.signed.specVersion,
    expires: expiryText(options.clock.nowMs() + LIFETIME_MS.release),
  });
  await options.disk.write(path, encodeMetadata(signMetadata(next, keys)), EVERYBODY);
}
