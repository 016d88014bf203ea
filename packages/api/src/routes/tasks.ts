import { ORDER_BYTES_MAX, PARAMETERS_MAX, VALUE_BYTES_MAX } from '@moult/core/task';
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import {
  command,
  hasOneTarget,
  name,
  none,
  ONE_TARGET,
  offeredTask,
  run,
  target,
  taskParameter,
  timeMs,
  told,
  why,
} from '../schemas.ts';

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

const parameters = z
  .array(
    taskParameter.refine(({ value }) => bytesOf(value) <= VALUE_BYTES_MAX, {
      error: `a value has at most ${VALUE_BYTES_MAX} bytes`,
    }),
  )
  .max(PARAMETERS_MAX)
  .refine((given) => bytesOf(JSON.stringify(given)) <= ORDER_BYTES_MAX, {
    error: `all parameters together have at most ${ORDER_BYTES_MAX} bytes`,
  });

export const orderTasks = defineRoute({
  id: 'orderTasks',
  method: 'POST',
  path: '/v1/tasks',
  summary:
    'Orders a run of a task on agents: one durable command each, with the reason where it may not be. The host judges the parameters.',
  permission: 'operate',
  params: none,
  query: none,
  body: z
    .object({
      ...target,
      task: name,
      parameters: parameters.default([]),
      why,
      /** The same key gives the same commands: a repeated request orders nothing twice. */
      key: z.string().max(64).optional(),
      /** What no host has accepted by then is over; in 24 hours unless said. */
      notAfterMs: timeMs.optional(),
    })
    .refine(hasOneTarget, ONE_TARGET),
  status: 202,
  response: z.object({
    results: z.array(
      z.object({
        agent: name,
        outcome: z.enum(['ordered', 'refused']),
        command: command.nullable(),
        /** Of the run that was ordered; null: it is refused. */
        run: z.string().nullable(),
        /** Why it is refused, as code and sentence; null otherwise. */
        code: z.string().nullable(),
        message: z.string().nullable(),
      }),
    ),
    /** What stopped it before everybody had a turn; null: each has its result. */
    unfinished: told.nullable(),
  }),
  isLong: true,
});

export const listTasks = defineRoute({
  id: 'listTasks',
  method: 'GET',
  path: '/v1/tasks',
  summary: 'The tasks that agents offer, by name: of all of them, or of one.',
  permission: 'view',
  params: none,
  query: z.object({
    agent: name.optional(),
    after: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(1000),
  }),
  body: z.null(),
  status: 200,
  response: z.object({ tasks: z.array(offeredTask), next: z.string().nullable() }),
});

export const listRuns = defineRoute({
  id: 'listRuns',
  method: 'GET',
  path: '/v1/runs',
  summary: 'Runs of tasks, newest first, from their order on; also those that a schedule started.',
  permission: 'view',
  params: none,
  query: z.object({
    agent: name.optional(),
    task: name.optional(),
    state: z.enum(['open', 'ended', 'all']).default('all'),
    /** `next` of the page before. */
    before: z.string().max(300).optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(100),
  }),
  body: z.null(),
  status: 200,
  response: z.object({ runs: z.array(run), next: z.string().nullable() }),
});

export const getRun = defineRoute({
  id: 'getRun',
  method: 'GET',
  path: '/v1/agents/:name/runs/:run',
  summary: 'One run: `COMMAND/ATTEMPT`, or `@TASK/MS` of a schedule, as one segment (%2F for /).',
  permission: 'view',
  params: z.object({ name, run: z.string().max(128) }),
  query: none,
  body: z.null(),
  status: 200,
  response: run,
});
