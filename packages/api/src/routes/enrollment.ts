import { ROLES } from '@moult/core/permission';
import { z } from 'zod';
import { accessTtlMs, token } from '../principal-schemas.ts';
import { defineRoute } from '../route.ts';
import { component, id, name, none, platform, sha256, version, why } from '../schemas.ts';

export const getTrustAnchors = defineRoute({
  id: 'getTrustAnchors',
  method: 'GET',
  path: '/v1/trust/anchors',
  summary:
    'CA certificate and TUF root. Not secret, and not believed: the enrollment token carries the hash of both.',
  permission: null,
  params: none,
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({
    /** Null: the coordinator has no CA of its own (TLS ends at a proxy, or it listens on loopback only). */
    caPem: z.string().nullable(),
    /** The newest root metadata, the text as signed. */
    root: z.string(),
  }),
});

export const enroll = defineRoute({
  id: 'enroll',
  method: 'POST',
  path: '/v1/enroll',
  summary:
    'First contact: a token for an identity. The same key may ask again with the same token.',
  permission: null,
  params: none,
  query: none,
  body: z.object({
    /** The token's id and secret; never stored in clear. */
    token: z.string().max(500),
    /** Raw Ed25519 public key, base64url, 32 bytes. */
    publicKey: z.string().max(64),
    name,
    platform,
    /** RFC 9266 tls-exporter value of this connection, hex, if the agent saw one: proves that TLS ends here. */
    channelBinding: z.string().max(128).default(''),
  }),
  status: 201,
  response: z.object({
    instanceId: id,
    name,
    group: name,
    isValidated: z.boolean(),
    /** True: every session must be bound to its TLS connection. */
    bindsChannel: z.boolean(),
    rootSha256: sha256,
    /** What to install first. */
    desired: z.array(z.object({ component, version })),
  }),
});

export const createToken = defineRoute({
  id: 'createToken',
  method: 'POST',
  path: '/v1/tokens',
  summary: 'Makes a token; its text is shown this once.',
  permission: 'administer',
  params: none,
  query: none,
  body: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('enrollment'),
      uses: z.number().int().min(1).max(100_000).default(1),
      ttlMs: z.number().int().min(1_000).max(31_536_000_000).default(3_600_000),
      group: name.default('default'),
      /** Agents enrolled with it are validated at once. */
      validates: z.boolean().default(false),
      /** An agent whose host was made anew: who enrolls with it takes its place, whatever it calls itself. */
      replaces: name.optional(),
      why,
    }),
    z.object({
      kind: z.literal('access'),
      /** Whose it is. */
      principal: name,
      /** Its principal's: left out, or, where there is no such principal yet, what it is made with. */
      role: z.enum(ROLES).optional(),
      ttlMs: accessTtlMs,
      why,
    }),
  ]),
  status: 201,
  response: z.object({ token, text: z.string() }),
});

export const listTokens = defineRoute({
  id: 'listTokens',
  method: 'GET',
  path: '/v1/tokens',
  summary: 'Tokens, newest first, without their secrets.',
  permission: 'administer',
  params: none,
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({ tokens: z.array(token) }),
});

export const revokeToken = defineRoute({
  id: 'revokeToken',
  method: 'DELETE',
  path: '/v1/tokens/:id',
  summary: 'Revokes a token; what was enrolled with it stays.',
  permission: 'administer',
  params: z.object({ id }),
  query: z.object({ why }),
  body: z.null(),
  status: 200,
  response: z.object({ token }),
});

export const whoAmI = defineRoute({
  id: 'whoAmI',
  method: 'GET',
  path: '/v1/whoami',
  summary: 'Whose token this is, and the coordinator’s version.',
  permission: 'view',
  params: none,
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({ principal: z.string(), role: z.enum(ROLES), coordinatorVersion: version }),
});
