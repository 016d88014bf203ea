import { PACES } from '@moult/core/upgrade';
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { agent, command, component, name, none, reason, select, version, why } from '../schemas.ts';

const byName = z.object({ name });

export const listAgents = defineRoute({
  id: 'listAgents',
  method: 'GET',
  path: '/v1/agents',
  summary:
    'All agents, or those that a selector means, by name. Never capped: `after` and `limit` page through.',
  permission: 'view',
  params: none,
  query: z.object({
    group: name.optional(),
    select: select.optional(),
    after: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(1000),
  }),
  body: z.null(),
  status: 200,
  response: z.object({ agents: z.array(agent), next: z.string().nullable() }),
});

export const getAgent = defineRoute({
  id: 'getAgent',
  method: 'GET',
  path: '/v1/agents/:name',
  summary: 'One agent.',
  permission: 'view',
  params: byName,
  query: none,
  body: z.null(),
  status: 200,
  response: agent,
});

export const validateAgent = defineRoute({
  id: 'validateAgent',
  method: 'POST',
  path: '/v1/agents/:name/validate',
  summary: 'Accepts an enrolled agent: from now on it gets commands.',
  permission: 'operate',
  params: byName,
  query: none,
  body: z.object({ why }),
  status: 200,
  response: agent,
});

export const renameAgent = defineRoute({
  id: 'renameAgent',
  method: 'POST',
  path: '/v1/agents/:name/rename',
  summary: 'Gives an agent another name; instance, orders, choices and history go along.',
  permission: 'operate',
  params: byName,
  query: none,
  body: z.object({ newName: name, why }),
  status: 200,
  response: agent,
});

export const releaseQuarantine = defineRoute({
  id: 'releaseQuarantine',
  method: 'POST',
  path: '/v1/agents/:name/release-quarantine',
  summary:
    'Takes the next session of this identity as it shows itself. The other copy must be gone, or enroll anew.',
  permission: 'operate',
  params: byName,
  query: none,
  body: z.object({ why }),
  status: 200,
  response: agent,
});

export const upgradeAgent = defineRoute({
  id: 'upgradeAgent',
  method: 'POST',
  path: '/v1/agents/:name/upgrade',
  summary: 'Orders an upgrade now. Without a version: to its desired version.',
  permission: 'upgrade',
  params: byName,
  query: none,
  body: z.object({
    component: component.default('agent'),
    version: version.optional(),
    /** Overrides what this host has refused and waits for retries; never trust, platform, disk or validation. */
    isForced: z.boolean().default(false),
    pace: z.enum(PACES).default('now'),
    why,
    /** The same key gives the same command: a repeated request orders nothing twice. */
    key: z.string().max(64).optional(),
  }),
  status: 202,
  response: z.object({ command, isNew: z.boolean() }),
});

export const whyAgent = defineRoute({
  id: 'whyAgent',
  method: 'GET',
  path: '/v1/agents/:name/why',
  summary:
    'Why this agent does not run its desired versions yet: one reason for each component. And why its tasks wait. Empty when nothing is open.',
  permission: 'view',
  params: byName,
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({ reasons: z.array(reason) }),
});

export const whyAgents = defineRoute({
  id: 'whyAgents',
  method: 'GET',
  path: '/v1/why',
  summary:
    'The same of all agents, or of those that a selector means, by name. `after` and `limit` (of agents) page through.',
  permission: 'view',
  params: none,
  query: z.object({
    select: select.optional(),
    after: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(1000),
  }),
  body: z.null(),
  status: 200,
  response: z.object({
    reasons: z.array(reason),
    /** Agents that were looked at for this page. */
    agents: z.number().int(),
    next: z.string().nullable(),
  }),
});
