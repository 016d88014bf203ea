import { CONTROL_KINDS } from '@moult/core/command';
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import {
  command,
  hasOneTarget,
  id,
  name,
  none,
  ONE_TARGET,
  target,
  told,
  why,
} from '../schemas.ts';

/** What stopped it before everybody had a turn; null: each has its result. */
const unfinished = told.nullable();

export const controlAgents = defineRoute({
  id: 'controlAgents',
  method: 'POST',
  path: '/v1/agents/control',
  summary:
    'Pauses, resumes, restarts or clears agents: one durable command each, with the reason where it may not be.',
  permission: 'operate',
  params: none,
  query: none,
  body: z
    .object({
      ...target,
      action: z.enum(CONTROL_KINDS),
      why,
      /** The same key gives the same commands: a repeated request orders nothing twice. */
      key: z.string().max(64).optional(),
    })
    .refine(hasOneTarget, ONE_TARGET),
  status: 202,
  response: z.object({
    results: z.array(
      z.object({
        agent: name,
        /** `nothing`: it is so already. */
        outcome: z.enum(['ordered', 'nothing', 'refused']),
        command: command.nullable(),
        /** Why it is refused, as code and sentence; null otherwise. */
        code: z.string().nullable(),
        message: z.string().nullable(),
      }),
    ),
    unfinished,
  }),
  isLong: true,
});

export const removeAgents = defineRoute({
  id: 'removeAgents',
  method: 'POST',
  path: '/v1/agents/remove',
  summary:
    'Decommissions agents: they get nothing any more and their keys are refused for ever; history stays.',
  permission: 'administer',
  params: none,
  query: none,
  body: z.object({ ...target, why }).refine(hasOneTarget, ONE_TARGET),
  status: 200,
  response: z.object({
    results: z.array(
      z.object({
        agent: name,
        outcome: z.enum(['removed', 'refused']),
        code: z.string().nullable(),
        message: z.string().nullable(),
      }),
    ),
    unfinished,
  }),
  isLong: true,
});

const takenBack = z.object({
  command,
  /**
   * `ending`: a task runs, and its host is told to end it. `too-late`: the host may switch already; it ends the attempt by
   * itself, and its report counts.
   */
  effect: z.enum(['stopped', 'ending', 'too-late']),
});

export const revokeCommand = defineRoute({
  id: 'revokeCommand',
  method: 'POST',
  path: '/v1/commands/:id/revoke',
  summary:
    'Takes back an open command, wherever it is; says where that came too late. An upgrade is for those who may upgrade.',
  permission: 'operate',
  params: z.object({ id }),
  query: none,
  body: z.object({ why }),
  status: 200,
  response: takenBack,
});

export const skipCommand = defineRoute({
  id: 'skipCommand',
  method: 'POST',
  path: '/v1/commands/:id/skip',
  summary: 'Leaves out a command until its fetching starts; not after.',
  permission: 'upgrade',
  params: z.object({ id }),
  query: none,
  body: z.object({ why }),
  status: 200,
  response: takenBack,
});
