import { type Component, isComponent } from '@moult/core/component';
import { isRenewalDue, metadataBytesMax, type SignedRole } from '@moult/core/trust';
import { isVersion, type Version } from '@moult/core/versions';
import { readCurrentState } from './repository-state.ts';

export interface PublishedRelease {
  readonly component: Component;
  readonly version: Version;
  /** Of the release document: the target's hash. */
  readonly sha256: string;
}

/** Every published release, in no particular order. */
export async function publishedReleases(
  repositoryDir: string,
): Promise<readonly PublishedRelease[]> {
  const state = await readCurrentState(repositoryDir);
  return [...state.roles.values()].flatMap(({ metadata }) =>
    Object.entries(metadata.signed.targets).flatMap(([path, target]) => {
      const match = /^releases\/([^/]+)\/(.+)\.json$/.exec(path);
      const [, component, version] = match ?? [];
      const sha256 = target.hashes['sha256'];
      if (component === undefined || !isComponent(component)) return [];
      if (version === undefined || !isVersion(version) || sha256 === undefined) return [];
      return [{ component, version, sha256 }];
    }),
  );
}

export interface RoleState {
  readonly role: string;
  readonly signedBy: SignedRole;
  readonly version: number;
  readonly expiresMs: number;
  /** A quarter of the lifetime or less is left. */
  readonly isRenewalDue: boolean;
  readonly sizeBytes: number;
  readonly sizeBytesMax: number;
}

export interface PublishState {
  readonly roles: readonly RoleState[];
}

/** What `doctor` judges: versions, expiries, and sizes against the limits. */
export async function publishState(repositoryDir: string, nowMs: number): Promise<PublishState> {
  const state = await readCurrentState(repositoryDir);
  const stateOf = (
    name: { readonly role: string; readonly signedBy: SignedRole },
    loaded: {
      readonly bytes: Uint8Array;
      readonly metadata: {
        readonly signed: { readonly version: number; readonly expires: string };
      };
    },
  ): RoleState => {
    const { version, expires } = loaded.metadata.signed;
    const expiresMs = Date.parse(expires);
    return {
      ...name,
      version,
      expiresMs,
      isRenewalDue: isRenewalDue({ role: name.signedBy, expiresMs, nowMs }),
      sizeBytes: loaded.bytes.length,
      sizeBytesMax: metadataBytesMax(name.role),
    };
  };
  return {
    roles: [
      stateOf({ role: 'root', signedBy: 'root' }, state.root),
      stateOf({ role: 'targets', signedBy: 'release' }, state.targets),
      stateOf({ role: 'snapshot', signedBy: 'snapshot' }, state.snapshot),
      stateOf({ role: 'timestamp', signedBy: 'timestamp' }, state.timestamp),
      ...[...state.roles].map(([role, loaded]) => stateOf({ role, signedBy: 'release' }, loaded)),
    ],
  };
}
