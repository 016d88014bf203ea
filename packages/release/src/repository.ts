/*
 * The coordinator's repository of signed metadata. It holds online keys only: with them it can say what is
 * newest, never what may run. Each change is made in a copy, judged by a real client, and goes live by one
 * swap of a link; a crash leaves the old state or the new one (RL13). Callers run one change at a time.
 */
import { randomUUID } from 'node:crypto';
import { readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isComponent } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { type ReleaseDocument, roleNameOf, targetPathOf } from '@moult/core/release-document';
import {
  checkReleaseDocument,
  isRenewalDue,
  type ReleaseName,
  sizeVerdict,
} from '@moult/core/trust';
import { isVersion } from '@moult/core/versions';
import type { Clock } from '@moult/runtime/clock';
import { codeOf } from '@moult/runtime/files';
import type { Metadata, Targets } from '@tufjs/models';
import type { BlobStore } from './blob-store.ts';
import { sha256Of } from './digest.ts';
import type { OnlineKeys } from './keys.ts';
import { readRoot, readTargets } from './metadata.ts';
import { requireBlobs } from './release-blobs.ts';
import { requireAcceptance } from './repository-client.ts';
import { type RepositoryDisk, systemRepositoryDisk } from './repository-disk.ts';
import {
  type RepositoryState,
  readCurrentState,
  readState,
  servedDirOf,
} from './repository-state.ts';
import { writeState } from './repository-write.ts';
import type { ReleaseSubmission } from './sign-release.ts';
import { consistentTargetPath } from './target-path.ts';

export {
  type PublishedRelease,
  type PublishState,
  publishedReleases,
  publishState,
} from './repository-report.ts';
export { type RepositoryState, readCurrentState, servedDirOf } from './repository-state.ts';
export {
  cosignRelease,
  encodeReleaseDocument,
  type ReleaseSubmission,
  type SignReleaseOptions,
  signRelease,
} from './sign-release.ts';

export interface RepositoryOptions {
  readonly repositoryDir: string;
  readonly onlineKeys: OnlineKeys;
  readonly clock: Clock;
  readonly disk?: RepositoryDisk;
}

export interface Published {
  readonly timestampVersion: number;
  readonly snapshotVersion: number;
  /** Metadata files at 75 % of their limit and above. */
  readonly warnings: readonly string[];
}

/** Makes the first state from the metadata that `initKeys` signed. Throws `repository-exists`. */
export async function initRepository(
  options: RepositoryOptions & { readonly root: string; readonly targets: string },
): Promise<Published> {
  const { repositoryDir } = options;
  if (await isThere(repositoryDir)) {
    throw new CodedError(
      'repository-exists',
      `${repositoryDir} holds a release repository already`,
    );
  }
  const root = readRoot(Buffer.from(options.root), 'submission-invalid');
  const targets = readTargets(Buffer.from(options.targets), 'submission-invalid', 'targets');
  return change(options, {
    before: null,
    root: { bytes: Buffer.from(options.root), version: root.signed.version },
    roles: [
      { name: 'targets', bytes: Buffer.from(options.targets), version: targets.signed.version },
    ],
    documents: [],
    targetPaths: [],
  });
}

/**
 * Publishes a signed release. Its blobs must be in the store (`blob-missing`), its metadata the successors of
 * what is live (`submission-conflict`), its version new (`release-exists`). The same submission again is no error.
 */
export async function publish(
  options: RepositoryOptions & {
    readonly submission: ReleaseSubmission;
    readonly blobStore: BlobStore;
  },
): Promise<Published> {
  const { submission } = options;
  const before = await readCurrentState(options.repositoryDir);
  const name = releaseNameOf(submission);
  const document = documentOf(submission, name);
  const targetPath = targetPathOf(name.component, name.version);
  const sha256 = sha256Of(submission.document);
  const current = before.roles.get(submission.roleName);
  if (current?.bytes.equals(Buffer.from(submission.role))) {
    return publishedOf(before);
  }
  const role = readTargets(Buffer.from(submission.role), 'submission-invalid', submission.roleName);
  requireSuccessor({ name: submission.roleName, next: role, current: current?.metadata ?? null });
  if (role.signed.targets[targetPath]?.hashes['sha256'] !== sha256) {
    throw new CodedError(
      'submission-invalid',
      'the signed role does not name this release document',
    );
  }
  await requireBlobs(options.blobStore, document);
  const roles = [versioned(submission.roleName, submission.role, role)];
  if (submission.targets !== null) {
    const targets = readTargets(Buffer.from(submission.targets), 'submission-invalid', 'targets');
    requireSuccessor({ name: 'targets', next: targets, current: before.targets.metadata });
    requireDelegationsKept(before.targets.metadata, targets);
    roles.push(versioned('targets', submission.targets, targets));
  }
  return change(options, {
    before,
    root: null,
    roles,
    documents: [
      { path: consistentTargetPath(targetPath, sha256), bytes: Buffer.from(submission.document) },
    ],
    targetPaths: [targetPath, ...Object.keys(current?.metadata.signed.targets ?? {}).slice(-1)],
  });
}

/** Signs timestamp and snapshot anew where a quarter of the lifetime is left. Null when nothing was due. */
export async function renew(options: RepositoryOptions): Promise<Published | null> {
  const before = await readCurrentState(options.repositoryDir);
  const nowMs = options.clock.nowMs();
  const isDue = (role: 'snapshot' | 'timestamp', expires: string) =>
    isRenewalDue({ role, expiresMs: Date.parse(expires), nowMs });
  const isSnapshotDue = isDue('snapshot', before.snapshot.metadata.signed.expires);
  if (!isSnapshotDue && !isDue('timestamp', before.timestamp.metadata.signed.expires)) return null;
  return change(options, { before, root: null, roles: [], documents: [], targetPaths: [] });
}

interface Change {
  readonly before: RepositoryState | null;
  readonly root: { readonly bytes: Buffer; readonly version: number } | null;
  readonly roles: readonly {
    readonly name: string;
    readonly bytes: Buffer;
    readonly version: number;
  }[];
  readonly documents: readonly { readonly path: string; readonly bytes: Buffer }[];
  /** Looked up by the accepting client. */
  readonly targetPaths: readonly string[];
}

async function change(options: RepositoryOptions, what: Change): Promise<Published> {
  const { repositoryDir, clock } = options;
  const disk = options.disk ?? systemRepositoryDisk;
  const nowMs = clock.nowMs();
  const number = what.before === null ? 1 : Number.parseInt(basename(what.before.dir), 10) + 1;
  const name = `${number}-${randomUUID()}`;
  const dir = join(repositoryDir, 'states', name);
  try {
    await writeState({ ...what, dir, disk, nowMs, onlineKeys: options.onlineKeys });
    const state = await readState(dir);
    await requireAcceptance({ state, before: what.before, targetPaths: what.targetPaths, nowMs });
    await requireUnchanged(repositoryDir, what.before);
    await disk.syncTree(join(repositoryDir, 'states'));
    await disk.swap(servedDirOf(repositoryDir), join('states', name));
    // Live from here on: states that cannot be removed now go with the next change.
    await removeOldStates({
      repositoryDir,
      disk,
      keep: [name, basename(what.before?.dir ?? name)],
    }).catch(() => undefined);
    return publishedOf(state);
  } catch (error) {
    // The swap may have happened before the failure: what is live stays.
    if (!(await isLive(repositoryDir, name))) await disk.remove(dir).catch(() => undefined);
    throw error;
  }
}

function publishedOf(state: RepositoryState): Published {
  const sizes = [
    { role: 'root', sizeBytes: state.root.bytes.length },
    { role: 'snapshot', sizeBytes: state.snapshot.bytes.length },
    { role: 'targets', sizeBytes: state.targets.bytes.length },
    ...[...state.roles].map(([role, { bytes }]) => ({ role, sizeBytes: bytes.length })),
  ];
  return {
    timestampVersion: state.timestamp.metadata.signed.version,
    snapshotVersion: state.snapshot.metadata.signed.version,
    warnings: sizes
      .filter((size) => sizeVerdict(size) !== 'within')
      .map(
        (size) =>
          `the metadata of ${size.role} has ${size.sizeBytes} bytes, near its limit: retire old releases`,
      ),
  };
}

function releaseNameOf(submission: ReleaseSubmission): ReleaseName {
  let component: unknown;
  let version: unknown;
  try {
    ({ component, version } = JSON.parse(submission.document));
  } catch (cause) {
    throw new CodedError('submission-invalid', 'the release document is not JSON', { cause });
  }
  if (
    typeof component !== 'string' ||
    !isComponent(component) ||
    typeof version !== 'string' ||
    !isVersion(version)
  ) {
    throw new CodedError(
      'submission-invalid',
      'the release document names no component and version',
    );
  }
  if (submission.roleName !== roleNameOf(component, version)) {
    throw new CodedError(
      'submission-invalid',
      `${submission.roleName} is not the role of this release`,
    );
  }
  return { component, version };
}

function documentOf(submission: ReleaseSubmission, name: ReleaseName): ReleaseDocument {
  const verdict = checkReleaseDocument(submission.document, name);
  if (verdict.kind === 'refused') throw new CodedError('submission-invalid', verdict.why);
  return verdict.value;
}

function versioned(
  name: string,
  text: string,
  metadata: Metadata<Targets>,
): Change['roles'][number] {
  const bytes = Buffer.from(text);
  if (sizeVerdict({ role: name, sizeBytes: bytes.length }) === 'above') {
    throw new CodedError(
      'metadata-too-large',
      `the metadata of ${name} is beyond what agents read`,
    );
  }
  return { name, bytes, version: metadata.signed.version };
}

/** Published targets never go or change by publishing: hosts may need them (RL15). */
function requireSuccessor(options: {
  readonly name: string;
  readonly next: Metadata<Targets>;
  readonly current: Metadata<Targets> | null;
}): void {
  const { name, next, current } = options;
  const wanted = (current?.signed.version ?? 0) + 1;
  if (next.signed.version !== wanted) {
    throw new CodedError(
      'submission-conflict',
      `${name} was signed as version ${next.signed.version}, next is ${wanted}`,
    );
  }
  for (const [path, target] of Object.entries(current?.signed.targets ?? {})) {
    const kept = next.signed.targets[path];
    if (kept?.hashes['sha256'] === target.hashes['sha256']) continue;
    throw new CodedError(
      'release-exists',
      `${name}: ${path} is published already and would go or change`,
    );
  }
}

function requireDelegationsKept(current: Metadata<Targets>, next: Metadata<Targets>): void {
  for (const name of Object.keys(current.signed.delegations?.roles ?? {})) {
    if (next.signed.delegations?.roles?.[name] !== undefined) continue;
    throw new CodedError('submission-invalid', `the new targets drop the role ${name}`);
  }
}

async function requireUnchanged(
  repositoryDir: string,
  before: RepositoryState | null,
): Promise<void> {
  const isSame =
    before === null
      ? !(await isThere(repositoryDir))
      : await isLive(repositoryDir, basename(before.dir));
  if (!isSame) throw new CodedError('submission-conflict', 'another change went live meanwhile');
}

async function isThere(repositoryDir: string): Promise<boolean> {
  try {
    await readCurrentState(repositoryDir);
    return true;
  } catch (error) {
    if (error instanceof CodedError && error.code === 'repository-missing') return false;
    throw error;
  }
}

/** Whether the link points at a state. A link that cannot be read may point there: then nothing is removed. */
async function isLive(repositoryDir: string, name: string): Promise<boolean> {
  try {
    return basename(await readlink(servedDirOf(repositoryDir))) === name;
  } catch (error) {
    return codeOf(error) !== 'ENOENT';
  }
}

/** The state before stays for requests that are being answered from it. */
async function removeOldStates(options: {
  readonly repositoryDir: string;
  readonly disk: RepositoryDisk;
  readonly keep: readonly string[];
}): Promise<void> {
  const statesDir = join(options.repositoryDir, 'states');
  for (const name of await readdir(statesDir)) {
    if (!options.keep.includes(name)) await options.disk.remove(join(statesDir, name));
  }
}
