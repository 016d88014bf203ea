import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { attempt, command, historyEntry, id, name, none } from '../schemas.ts';

/** Its id or its name. */
const rollout = z.string().min(1).max(128);
const limit = z.coerce.number().int().min(1).max(1000).default(100);

export const listCommands = defineRoute({
  id: 'listCommands',
  method: 'GET',
  path: '/v1/commands',
  summary: 'Commands, newest first.',
  permission: 'view',
  params: none,
  query: z.object({
    agent: name.optional(),
    state: z.enum(['open', 'ended', 'all']).default('all'),
    before: z.string().optional(),
    limit,
  }),
  body: z.null(),
  status: 200,
  response: z.object({ commands: z.array(command), next: z.string().nullable() }),
});

export const getCommand = defineRoute({
  id: 'getCommand',
  method: 'GET',
  path: '/v1/commands/:id',
  summary: 'One command with its attempts.',
  permission: 'view',
  params: z.object({ id }),
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({ command, attempts: z.array(attempt) }),
});

export const listAttempts = defineRoute({
  id: 'listAttempts',
  method: 'GET',
  path: '/v1/attempts',
  summary: 'Upgrade attempts with their steps, newest first.',
  permission: 'view',
  params: none,
  query: z.object({
    agent: name.optional(),
    rollout: rollout.optional(),
    before: z.string().optional(),
    limit,
  }),
  body: z.null(),
  status: 200,
  response: z.object({ attempts: z.array(attempt), next: z.string().nullable() }),
});

export const listHistory = defineRoute({
  id: 'listHistory',
  method: 'GET',
  path: '/v1/history',
  summary: 'What happened, newest first; append-only.',
  permission: 'view',
  params: none,
  query: z.object({
    agent: name.optional(),
    /** What happened to it, and to the commands that it ordered. */
    rollout: rollout.optional(),
    before: z.coerce.number().int().optional(),
    after: z.coerce.number().int().optional(),
    limit,
  }),
  body: z.null(),
  status: 200,
  response: z.object({ entries: z.array(historyEntry), next: z.number().nullable() }),
});
