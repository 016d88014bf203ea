import { TRUST_LIMITS } from '@moult/core/trust';
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { component, none, platform, release, sha256, version, why } from '../schemas.ts';

export const importPack = defineRoute({
  id: 'importPack',
  method: 'POST',
  path: '/v1/packs',
  summary:
    'Takes in a pack: its files become blobs. Nothing can be installed from it until it is published.',
  permission: 'release',
  params: none,
  query: none,
  body: 'octets',
  status: 201,
  response: z.object({
    component,
    version,
    platform,
    digest: sha256,
    bytes: z.number().int(),
    isNew: z.boolean(),
  }),
  isLong: true,
});

export const listReleases = defineRoute({
  id: 'listReleases',
  method: 'GET',
  path: '/v1/releases',
  summary: 'Releases, newest first.',
  permission: 'view',
  params: none,
  query: z.object({ component: component.optional() }),
  body: z.null(),
  status: 200,
  response: z.object({ releases: z.array(release) }),
});

export const getRelease = defineRoute({
  id: 'getRelease',
  method: 'GET',
  path: '/v1/releases/:component/:version',
  summary: 'One release.',
  permission: 'view',
  params: z.object({ component, version }),
  query: none,
  body: z.null(),
  status: 200,
  response: release,
});

export const getSigningState = defineRoute({
  id: 'getSigningState',
  method: 'GET',
  path: '/v1/trust/signing/:component/:version',
  summary:
    'What a release engineer needs to sign a release offline: the current metadata and the document to be signed.',
  permission: 'release',
  params: z.object({ component, version }),
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({
    root: z.string(),
    targets: z.string(),
    /** Null: the delegated role does not exist yet. */
    role: z.string().nullable(),
    /** The release document made from the imported packs; what is signed is its hash. */
    document: z.string(),
  }),
});

export const publishRelease = defineRoute({
  id: 'publishRelease',
  method: 'POST',
  path: '/v1/releases',
  summary:
    'Publishes a release: metadata signed with the release keys. A TUF client checks it before it goes live.',
  permission: 'release',
  params: none,
  query: none,
  body: z.object({
    component,
    version,
    document: z.string(),
    role: z.string(),
    /** Only when the role is new. */
    targets: z.string().nullable(),
    why,
  }),
  status: 201,
  /** With metadata that is near to a limit of what agents read. */
  response: release.extend({ warnings: z.array(z.string()) }),
});

const signedRole = z.object({ name: z.string().max(64), metadata: z.string() });

export const getTrustState = defineRoute({
  id: 'getTrustState',
  method: 'GET',
  path: '/v1/trust/root',
  summary:
    'The current root and everything that release keys signed: what is signed anew when release keys change.',
  permission: 'release',
  params: none,
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({
    root: z.string(),
    targets: z.string(),
    roles: z.array(signedRole),
  }),
});

export const publishRoot = defineRoute({
  id: 'publishRoot',
  method: 'POST',
  path: '/v1/trust/root',
  summary:
    'Publishes new roots, and what release keys signed anew. Checked as an agent checks it, live in one step.',
  permission: 'administer',
  params: none,
  query: none,
  body: z.object({
    /** Links that follow the current root, oldest first; those that are live already are passed over. */
    roots: z.array(z.string()).max(TRUST_LIMITS.rootRotationsMax),
    /** Null: the signatures of before hold. */
    targets: z.string().nullable(),
    roles: z.array(signedRole),
    why,
  }),
  status: 200,
  response: z.object({
    rootVersion: z.number().int(),
    timestampVersion: z.number().int(),
    snapshotVersion: z.number().int(),
    warnings: z.array(z.string()),
  }),
});
