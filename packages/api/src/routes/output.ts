import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { name, none, outputRow, timeMs } from '../schemas.ts';

/** A proxy before the coordinator gives up after half a minute or more. */
const WAIT_MS_MAX = 25_000;

export const listOutput = defineRoute({
  id: 'listOutput',
  method: 'GET',
  path: '/v1/output',
  summary:
    'What an agent put out, oldest first: after a position, or the newest rows. Waits for more where `waitMs` says so.',
  permission: 'view',
  params: none,
  query: z.object({
    agent: name,
    task: z.string().max(64).optional(),
    run: z.string().max(128).optional(),
    stream: z.string().max(2000).optional(),
    /** `next` of the answer before. */
    after: z.coerce.number().int().nonnegative().optional(),
    /** By the host's clock. */
    sinceMs: z.coerce.number().pipe(timeMs).optional(),
    limit: z.coerce.number().int().min(1).max(10_000).default(1000),
    /** Where there is nothing, the answer waits so long for something. */
    waitMs: z.coerce.number().int().min(0).max(WAIT_MS_MAX).default(0),
  }),
  body: z.null(),
  status: 200,
  response: z.object({
    rows: z.array(outputRow),
    /** To be given as `after`: everything up to there was looked at. */
    next: z.number().int(),
    /** Oldest position that is kept of this agent; null: there is none. What was before has gone with time. */
    from: z.number().int().nullable(),
  }),
});
