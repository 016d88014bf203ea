/* What is told of a rollout and its agents beyond where it stands. */
import { z } from 'zod';
import { rollout } from '../rollout-schemas.ts';
import { defineRoute } from '../route.ts';
import { name, none } from '../schemas.ts';

/** Its id or its name. */
const params = z.object({ rollout: z.string().min(1).max(128) });

export const whyRollout = defineRoute({
  id: 'whyRollout',
  method: 'GET',
  path: '/v1/rollouts/:rollout/why',
  summary:
    'Why agents of a rollout do not have the version: each reason once, with how many it concerns and what frees them.',
  permission: 'view',
  params,
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({
    rollout,
    /** What keeps the rollout itself, then failures, then what holds the others. */
    reasons: z.array(
      z.object({
        about: z.enum(['rollout', 'failed', 'held']),
        /** A hold reason, or the code of a failure; null: it ended without one. */
        reason: z.string().nullable(),
        text: z.string(),
        untilMs: z.number().int().nullable(),
        /** As it can be typed; null: only time or the world frees it. */
        freedBy: z.string().nullable(),
        agents: z.number().int(),
        /** The first of them. */
        names: z.array(name),
      }),
    ),
  }),
});
