/*
 * The release engineer's side of a rotation. When release keys changed, everything that they signed must be signed anew
 * before the new root can go live; when none changed, the new roots are all that travels. Nothing is signed that the keys before
 * did not sign: what a coordinator hands out is checked against the chain that lies beside the keys (RL53).
 */
import { CodedError } from '@moult/core/errors';
import { isRenewalDue, LIFETIME_MS } from '@moult/core/trust';
import type { Metadata, Targets } from '@tufjs/models';
import { roleOf, TUF_ROLE } from './key-files.ts';
import { expiryText, readRoot, readTargets } from './metadata.ts';
import type { RootFile } from './root-files.ts';
import { delegatingTargets, isDelegatedTo, nextRole, signedText } from './sign-release.ts';
import type { SigningKey } from './signing-key.ts';

export interface NamedRole {
  readonly name: string;
  readonly metadata: string;
}

/** What `release publish-root` hands to a coordinator. Each field is the exact text of a file. */
export interface RootSubmission {
  /** New links, oldest first. */
  readonly roots: readonly string[];
  /** Signed anew; null and empty where the signatures of before hold. */
  readonly targets: string | null;
  readonly roles: readonly NamedRole[];
}

export interface SignRootOptions {
  /** What lies beside the keys, oldest first. */
  readonly chain: readonly RootFile[];
  /** What the coordinator has. */
  readonly live: {
    readonly root: string;
    readonly targets: string;
    readonly roles: readonly NamedRole[];
  };
  /** Asked only when something must be signed anew; gives keys that the newest root names, enough of them. */
  readonly releaseKeys: (newest: RootFile) => Promise<readonly SigningKey[]>;
  readonly nowMs: number;
}

/** A release under the new signature. */
export interface SignedAnew {
  readonly path: string;
  readonly sha256: string;
}

export interface SignedRoot {
  readonly submission: RootSubmission;
  readonly signedAnew: readonly SignedAnew[];
}

/** Null when the coordinator has all of it. Throws `root-conflict` for another fleet's or a forked chain, `root-refused` for metadata that the keys before did not sign. */
export async function signRoot(options: SignRootOptions): Promise<SignedRoot | null> {
  const { chain, live, nowMs } = options;
  const newest = chain.at(-1);
  if (newest === undefined) throw new CodedError('keys-missing', 'there is no root to publish');
  const liveVersion = readRoot(Buffer.from(live.root), 'root-refused').signed.version;
  const known = chain.find(({ version }) => version === liveVersion);
  if (known?.text !== live.root) {
    throw new CodedError(
      'root-conflict',
      known === undefined
        ? `the coordinator has root version ${liveVersion}, which is not among those beside the keys (up to ${newest.version})`
        : `the coordinator has another root version ${liveVersion} than the one beside the keys`,
    );
  }
  const { targets, roles } = verified(known, live);
  const roots = chain.filter(({ version }) => version > liveVersion).map(({ text }) => text);
  const isSound =
    isVerified(newest, targets) &&
    isDelegatedTo(newest.metadata, targets) &&
    [targets, ...roles.values()].every(
      ({ signed }) =>
        !isRenewalDue({ role: 'release', expiresMs: Date.parse(signed.expires), nowMs }),
    );
  if (isSound) {
    if (roots.length === 0) return null;
    return { submission: { roots, targets: null, roles: [] }, signedAnew: [] };
  }
  const keys = await options.releaseKeys(newest);
  const expires = expiryText(nowMs + LIFETIME_MS.release);
  const nextTargets = delegatingTargets({
    root: newest.metadata,
    targets,
    expires,
    added: new Map(),
  });
  const submission = {
    roots,
    targets: signedText(nextTargets, { role: 'targets', keys }),
    roles: live.roles.map(({ name, metadata }) => ({
      name,
      metadata: signedText(nextRole({ current: metadata, roleName: name, expires }), {
        role: name,
        keys,
      }),
    })),
  };
  const signedAnew = [...roles.values()].flatMap(({ signed }) =>
    Object.entries(signed.targets).map(([path, { hashes }]) => ({
      path,
      sha256: hashes['sha256'] ?? '',
    })),
  );
  return { submission, signedAnew };
}

/** What the coordinator hands out may be an attacker's: a new signature must not make it good. */
function verified(
  root: RootFile,
  live: SignRootOptions['live'],
): {
  readonly targets: Metadata<Targets>;
  readonly roles: ReadonlyMap<string, Metadata<Targets>>;
} {
  const targets = readTargets(Buffer.from(live.targets), 'root-refused', 'targets');
  const roles = new Map<string, Metadata<Targets>>();
  try {
    root.metadata.verifyDelegate(TUF_ROLE.release, targets);
    for (const { name, metadata } of live.roles) {
      const role = readTargets(Buffer.from(metadata), 'root-refused', name);
      targets.verifyDelegate(name, role);
      roles.set(name, role);
    }
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw new CodedError(
      'root-refused',
      `the coordinator shows releases that the keys of root version ${root.version} did not sign`,
      {
        cause,
        remedy: 'Nothing was signed. Find out who changed the metadata of the coordinator.',
      },
    );
  }
  const missing = Object.keys(targets.signed.delegations?.roles ?? {}).find(
    (name) => !roles.has(name),
  );
  if (missing === undefined) return { targets, roles };
  throw new CodedError('root-refused', `the coordinator does not show the releases of ${missing}`);
}

function isVerified(root: RootFile, targets: Metadata<Targets>): boolean {
  try {
    root.metadata.verifyDelegate(TUF_ROLE.release, targets);
  } catch {
    return false;
  }
  return roleOf(root.metadata, 'release').keyIDs.length > 0;
}
