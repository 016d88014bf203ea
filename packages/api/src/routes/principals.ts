import { ROLES } from '@moult/core/permission';
import { z } from 'zod';
import { accessTtlMs, principal, token } from '../principal-schemas.ts';
import { defineRoute } from '../route.ts';
import { name, none, why } from '../schemas.ts';

const params = z.object({ name });
const role = z.enum(ROLES);

export const listPrincipals = defineRoute({
  id: 'listPrincipals',
  method: 'GET',
  path: '/v1/principals',
  summary: 'People and scripts that have, or had, access, with their roles.',
  permission: 'administer',
  params: none,
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({ principals: z.array(principal) }),
});

export const addPrincipal = defineRoute({
  id: 'addPrincipal',
  method: 'POST',
  path: '/v1/principals',
  summary:
    'Makes a principal and its first access token, whose text is shown this once; or brings a revoked one back.',
  permission: 'administer',
  params: none,
  query: none,
  body: z.object({ name, role, ttlMs: accessTtlMs, why }),
  status: 201,
  response: z.object({ principal, token, text: z.string() }),
});

export const setPrincipalRole = defineRoute({
  id: 'setPrincipalRole',
  method: 'PUT',
  path: '/v1/principals/:name/role',
  summary: 'Changes what a principal may do, with all its tokens, from the next request on.',
  permission: 'administer',
  params,
  query: none,
  body: z.object({ role, why }),
  status: 200,
  response: principal,
});

export const revokePrincipal = defineRoute({
  id: 'revokePrincipal',
  method: 'POST',
  path: '/v1/principals/:name/revoke',
  summary: 'Ends all access tokens of a principal; what it has ordered stands.',
  permission: 'administer',
  params,
  query: none,
  body: z.object({ why }),
  status: 200,
  response: principal,
});
