import type { Release } from '@moult/api';
import { CodedError } from '@moult/core/errors';
import { compareVersions } from '@moult/core/versions';
import type { Clock } from '@moult/runtime/clock';
import type { Store } from '@moult/store';
import type { ReleaseName, Releases } from '../../releases.ts';
import type { Handlers } from '../handler.ts';
import { releaseViewOf } from '../views.ts';

export interface ReleaseHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly releases: Releases;
}

type ReleaseHandlers = Pick<
  Handlers,
  | 'importPack'
  | 'listReleases'
  | 'getRelease'
  | 'getSigningState'
  | 'publishRelease'
  | 'getTrustState'
  | 'publishRoot'
>;

export function releaseHandlers(options: ReleaseHandlersOptions): ReleaseHandlers {
  const { store, clock, releases } = options;
  return {
    importPack: async ({ stream, caller, signal }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: '' };
      const { manifest, digest, bytes, isNew } = await releases.import(stream, { order, signal });
      const { component, version, platform } = manifest;
      return { component, version, platform, digest, bytes, isNew };
    },
    listReleases: async ({ query }) => {
      const component = query.component ?? null;
      const views = await store.read('allReleases', { component, version: null });
      return { releases: views.map(releaseViewOf).sort(newestFirst) };
    },
    getRelease: ({ params }) => readRelease(store, params),
    getSigningState: ({ params }) => releases.signingState(params),
    publishRelease: async ({ body, caller }) => {
      const { component, version, document, role, targets } = body;
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
      const submission = { component, version, document, role, targets };
      const { warnings } = await releases.publish(submission, order);
      return { ...(await readRelease(store, { component, version })), warnings: [...warnings] };
    },
    getTrustState: async () => {
      const { root, targets, roles } = await releases.trustState();
      return { root, targets, roles: [...roles] };
    },
    publishRoot: async ({ body, caller }) => {
      const { roots, targets, roles, why } = body;
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why };
      const { warnings, ...versions } = await releases.publishRoot(
        { roots, targets, roles },
        order,
      );
      return { ...versions, warnings: [...warnings] };
    },
  };
}

async function readRelease(store: Store, name: ReleaseName): Promise<Release> {
  const [view] = await store.read('allReleases', name);
  if (view === undefined) {
    throw new CodedError('not-found', `there is no release ${name.component} ${name.version}`);
  }
  return releaseViewOf(view);
}

function newestFirst(a: Release, b: Release): number {
  if (a.component !== b.component) return a.component < b.component ? -1 : 1;
  return compareVersions(b.version, a.version);
}
