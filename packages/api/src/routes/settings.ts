import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { name, none, timeMs, why } from '../schemas.ts';

const setting = z.object({
  key: z.string(),
  value: z.string(),
  /** Who said so; `default`: nobody. */
  from: z.enum(['group', 'fleet', 'default']),
  default: z.string(),
  text: z.string(),
  /** How a value is written. */
  form: z.string(),
  /** A group may have its own. */
  isOfGroups: z.boolean(),
  /** Null: it is the default. */
  changed: z.object({ atMs: timeMs, by: z.string(), why: z.string() }).nullable(),
});

export const listSettings = defineRoute({
  id: 'listSettings',
  method: 'GET',
  path: '/v1/settings',
  summary: 'Every setting, with its value, where that comes from, and what it means.',
  permission: 'view',
  params: none,
  query: z.object({ group: name.optional() }),
  body: z.null(),
  status: 200,
  response: z.object({ settings: z.array(setting) }),
});

export const changeSetting = defineRoute({
  id: 'changeSetting',
  method: 'PUT',
  path: '/v1/settings/:key',
  summary: 'Sets a setting, of the fleet or of one group, or (null) lets the default hold again.',
  permission: 'administer',
  params: z.object({ key: z.string().min(1).max(128) }),
  query: none,
  body: z.object({ value: z.string().max(1000).nullable(), group: name.optional(), why }),
  status: 200,
  response: setting,
});
