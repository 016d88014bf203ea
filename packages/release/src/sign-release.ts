/*
 * The release engineer's side, with offline keys: a release document becomes a target of the role
 * `<component>-<major>`, signed by release keys. What comes out is text that anybody may carry to the coordinator.
 */
import { CodedError } from '@moult/core/errors';
import { canonicalJson } from '@moult/core/manifest';
import { type ReleaseDocument, roleNameOf, targetPathOf } from '@moult/core/release-document';
import { isRenewalDue, LIFETIME_MS, sizeVerdict } from '@moult/core/trust';
import { majorOf } from '@moult/core/versions';
import { type Metadata, type Root, TargetFile, Targets } from '@tufjs/models';
import { sha256Of } from './digest.ts';
import { roleOf } from './key-files.ts';
import {
  encodeMetadata,
  expiryText,
  jsonOf,
  readRoot,
  readTargets,
  SPEC_VERSION,
  signMetadata,
} from './metadata.ts';
import type { SigningKey } from './signing-key.ts';

/** What `release publish` hands to a coordinator. Each field is the exact text of a file. */
export interface ReleaseSubmission {
  readonly document: string;
  /** Name of the delegated role, `<component>-<major>`. */
  readonly roleName: string;
  readonly role: string;
  /** New top-level targets; null when the ones that the coordinator has already delegate the role. */
  readonly targets: string | null;
}

export interface SignReleaseOptions {
  /** All release keys at hand. With fewer than the threshold, others add theirs by `cosignRelease`. */
  readonly keys: readonly SigningKey[];
  /** The current metadata of the coordinator, as text. */
  readonly root: string;
  readonly currentTargets: string;
  /** Null when no release of this component and major version was published before. */
  readonly currentRole: string | null;
  readonly document: ReleaseDocument;
  readonly nowMs: number;
}

/** The canonical text of a release document: its hash is what the release role signs. */
export function encodeReleaseDocument(document: ReleaseDocument): string {
  return `${canonicalJson(document)}\n`;
}

/** Throws `release-exists` for a version that another document was published under, `metadata-too-large`, `submission-invalid` for unreadable metadata. */
export function signRelease(options: SignReleaseOptions): ReleaseSubmission {
  const { component, version } = options.document;
  const roleName = roleNameOf(component, version);
  const root = readRoot(Buffer.from(options.root), 'submission-invalid');
  const targets = readTargets(Buffer.from(options.currentTargets), 'submission-invalid', 'targets');
  const document = encodeReleaseDocument(options.document);
  const expires = expiryText(options.nowMs + LIFETIME_MS.release);
  const role = nextRole({ current: options.currentRole, roleName, expires });
  const path = targetPathOf(component, version);
  const hashes = { sha256: sha256Of(document) };
  const published = role.targets[path];
  if (published !== undefined && published.hashes['sha256'] !== hashes.sha256) {
    throw new CodedError(
      'release-exists',
      `${component} ${version} was published with other content`,
    );
  }
  role.addTarget(new TargetFile({ path, hashes, length: Buffer.byteLength(document) }));
  const newTargets = nextTargets({
    root,
    targets,
    roleName,
    path: `releases/${component}/${majorOf(version)}.*`,
    expires,
    nowMs: options.nowMs,
  });
  return {
    document,
    roleName,
    role: signedText(role, { role: roleName, keys: options.keys }),
    targets:
      newTargets === null ? null : signedText(newTargets, { role: 'targets', keys: options.keys }),
  };
}

/** Adds the signatures of further release keys. */
export function cosignRelease(
  submission: ReleaseSubmission,
  keys: readonly SigningKey[],
): ReleaseSubmission {
  const cosigned = (text: string, role: string): string => {
    const metadata = readTargets(Buffer.from(text), 'submission-invalid', role);
    for (const key of keys) metadata.sign((bytes) => key.sign(bytes));
    return encodeMetadata(metadata).toString();
  };
  return {
    ...submission,
    role: cosigned(submission.role, submission.roleName),
    targets: submission.targets === null ? null : cosigned(submission.targets, 'targets'),
  };
}

export function nextRole(options: {
  readonly current: string | null;
  readonly roleName: string;
  readonly expires: string;
}): Targets {
  const { current, roleName, expires } = options;
  if (current === null) return new Targets({ version: 1, specVersion: SPEC_VERSION, expires });
  const { signed } = readTargets(Buffer.from(current), 'submission-invalid', roleName);
  return new Targets({
    version: signed.version + 1,
    specVersion: SPEC_VERSION,
    expires,
    targets: { ...signed.targets },
  });
}

/** Null when the current top-level targets delegate the role to today's release keys and are not near their end. */
function nextTargets(options: {
  readonly root: Metadata<Root>;
  readonly targets: Metadata<Targets>;
  readonly roleName: string;
  readonly path: string;
  readonly expires: string;
  readonly nowMs: number;
}): Targets | null {
  const { root, targets, roleName, nowMs, expires } = options;
  const roles = Object.values(targets.signed.delegations?.roles ?? {});
  const isNamed = roles.some((role) => role.name === roleName);
  const expiresMs = Date.parse(targets.signed.expires);
  const isDue = isRenewalDue({ role: 'release', expiresMs, nowMs });
  if (isNamed && isDelegatedTo(root, targets) && !isDue) return null;
  return delegatingTargets({
    root,
    targets,
    expires,
    added: new Map([[roleName, [options.path]]]),
  });
}

/** Whether every delegated role is that of today's release keys. */
export function isDelegatedTo(root: Metadata<Root>, targets: Metadata<Targets>): boolean {
  const { keyIDs, threshold } = roleOf(root, 'release');
  const wanted = [...keyIDs].sort().join();
  return Object.values(targets.signed.delegations?.roles ?? {}).every(
    (role) => role.threshold === threshold && [...role.keyIDs].sort().join() === wanted,
  );
}

/** The next version of the top-level targets, with every role delegated to the release keys of the root. */
export function delegatingTargets(options: {
  readonly root: Metadata<Root>;
  readonly targets: Metadata<Targets>;
  readonly expires: string;
  /** Paths of new roles by name. */
  readonly added: ReadonlyMap<string, readonly string[]>;
}): Targets {
  const { root, targets, expires } = options;
  const { keyIDs, threshold } = roleOf(root, 'release');
  if (keyIDs.length === 0)
    throw new CodedError('submission-invalid', 'the root has no targets role');
  const roles = Object.values(targets.signed.delegations?.roles ?? {});
  const named = new Map<string, readonly string[]>(
    roles.map((role) => [role.name, role.paths ?? []]),
  );
  for (const [name, paths] of options.added) named.set(name, paths);
  const keys: Record<string, unknown> = {};
  for (const keyId of keyIDs) keys[keyId] = root.signed.keys[keyId]?.toJSON();
  return Targets.fromJSON(
    jsonOf({
      ...targets.signed.toJSON(),
      version: targets.signed.version + 1,
      expires,
      delegations: {
        keys,
        roles: [...named].map(([name, paths]) => ({
          name,
          keyids: keyIDs,
          threshold,
          terminating: true,
          paths,
        })),
      },
    }),
  );
}

export function signedText(
  signed: Targets,
  by: { readonly role: string; readonly keys: readonly SigningKey[] },
): string {
  const bytes = encodeMetadata(signMetadata(signed, by.keys));
  if (sizeVerdict({ role: by.role, sizeBytes: bytes.length }) === 'above') {
    throw new CodedError(
      'metadata-too-large',
      `the metadata of ${by.role} is beyond what agents read`,
    );
  }
  return bytes.toString();
}
