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
  response: release,
});
