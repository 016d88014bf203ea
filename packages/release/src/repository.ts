/*
 * The coordinator's repository of signed metadata. It holds online keys only: with them it can say what is
 * newest, never what may run. Each change is made in a copy, judged by a real client, and goes live by one
 * swap of a link; a crash leaves the old state or the new one (RL13). Callers run one change at a time.
 */
import { isComponent } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { type ReleaseDocument, roleNameOf, targetPathOf } from '@moult/core/release-document';
import { checkReleaseDocument, isRenewalDue, type ReleaseName } from '@moult/core/trust';
import { isVersion } from '@moult/core/versions';
import type { BlobStore } from './blob-store.ts';
import { sha256Of } from './digest.ts';
import { readRoot, readTargets } from './metadata.ts';
import { requireBlobs } from './release-blobs.ts';
import {
  change,
  hasRepository,
  type Published,
  publishedOf,
  type RepositoryOptions,
} from './repository-change.ts';
import { readCurrentState } from './repository-state.ts';
import { requireDelegationsKept, requireSuccessor, versioned } from './role-successor.ts';
import type { ReleaseSubmission } from './sign-release.ts';
import { consistentTargetPath } from './target-path.ts';

export { publishRoot } from './publish-root.ts';
export { hasRepository, type Published, type RepositoryOptions } from './repository-change.ts';
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
export {
  type RootSubmission,
  type SignedAnew,
  type SignRootOptions,
  signRoot,
} from './sign-root.ts';

/**
 * Makes the first state from the roots and targets of `initKeys` and of the rotations since; a host that knows the oldest
 * of the roots must find its way. Throws `repository-exists`.
 */
export async function initRepository(
  options: RepositoryOptions & { readonly roots: readonly string[]; readonly targets: string },
): Promise<Published> {
  const { repositoryDir } = options;
  if (await hasRepository(repositoryDir)) {
    throw new CodedError(
      'repository-exists',
      `${repositoryDir} holds a release repository already`,
    );
  }
  const roots = options.roots.map((text) => {
    const bytes = Buffer.from(text);
    return { bytes, version: readRoot(bytes, 'submission-invalid').signed.version };
  });
  const targets = readTargets(Buffer.from(options.targets), 'submission-invalid', 'targets');
  return change(options, {
    before: null,
    roots,
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
    roots: [],
    roles,
    documents: [
      { path: consistentTargetPath(targetPath, sha256), bytes: Buffer.from(submission.document) },
    ],
    targetPaths: [targetPath, ...Object.keys(current?.metadata.signed.targets ?? {}).slice(-1)],
  });
}

/**
 * Signs timestamp and snapshot anew where a quarter of the lifetime is left, or where they are below `versionMin`: a
 * repository that was restored must be above all that agents have seen of it. Null when nothing was due.
 */
export async function renew(options: RepositoryOptions): Promise<Published | null> {
  const before = await readCurrentState(options.repositoryDir);
  const nowMs = options.clock.nowMs();
  const isDue = (role: 'snapshot' | 'timestamp', expires: string) =>
    isRenewalDue({ role, expiresMs: Date.parse(expires), nowMs });
  const { snapshot, timestamp } = before;
  const versionMin = options.versionMin ?? 0;
  const isBelow = [snapshot, timestamp].some((role) => role.metadata.signed.version < versionMin);
  const isOld =
    isDue('snapshot', snapshot.metadata.signed.expires) ||
    isDue('timestamp', timestamp.metadata.signed.expires);
  if (!isBelow && !isOld) return null;
  return resign(options);
}

/** Signs them anew in any case: a repository from a backup is behind what agents have seen until it is signed again (RL16). */
export async function resign(options: RepositoryOptions): Promise<Published> {
  const before = await readCurrentState(options.repositoryDir);
  return change(options, { before, roots: [], roles: [], documents: [], targetPaths: [] });
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
