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

function nextRole(options: {
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
  const { root, targets, roleName } = options;
  const releaseRole = root.signed.roles['targets'];
  if (releaseRole === undefined)
    throw new CodedError('submission-invalid', 'the root has no targets role');
  const roles = Object.values(targets.signed.delegations?.roles ?? {});
  const delegated = roles.find((role) => role.name === roleName);
  const isCurrent =
    delegated !== undefined &&
    delegated.threshold === releaseRole.threshold &&
    [...delegated.keyIDs].sort().join() === [...releaseRole.keyIDs].sort().join() &&
    !isRenewalDue({
      role: 'release',
      expiresMs: Date.parse(targets.signed.expires),
      nowMs: options.nowMs,
    });
  if (isCurrent) return null;
  const named = new Map(roles.map((role) => [role.name, role.paths ?? []]));
  named.set(roleName, [options.path]);
  const keys: Record<string, unknown> = {};
  for (const keyId of releaseRole.keyIDs) keys[keyId] = root.signed.keys[keyId]?.toJSON();
  return Targets.fromJSON(
    jsonOf({
      ...targets.signed.toJSON(),
      version: targets.signed.version + 1,
      expires: options.expires,
      delegations: {
        keys,
        roles: [...named].map(([name, paths]) => ({
          name,
          keyids: releaseRole.keyIDs,
          threshold: releaseRole.threshold,
          terminating: true,
          paths,
        })),
      },
    }),
  );
}

function signedText(
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
