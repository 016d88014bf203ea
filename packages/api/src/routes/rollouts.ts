import { z } from 'zod';
import {
  planDifference,
  rollout,
  rolloutPlan,
  rolloutSimulation,
  rolloutSpec,
  rolloutState,
} from '../rollout-schemas.ts';
import { defineRoute } from '../route.ts';
import {
  component,
  hasOneTarget,
  id,
  name,
  none,
  ONE_TARGET,
  target,
  timeMs,
  version,
  why,
} from '../schemas.ts';

const asked = {
  ...target,
  component: component.default('agent'),
  version,
  /** What is left out is as settings say: of the group, where all are of one, else of the fleet (`GET /v1/settings`). */
  spec: rolloutSpec.partial().default({}),
};

/** Its id or its name. */
const params = z.object({ rollout: z.string().min(1).max(128) });
const act = z.object({ why });

/** As in other orders: what is asked again under it is done once. */
const key = z.string().max(64).optional();

export const planRollout = defineRoute({
  id: 'planRollout',
  method: 'POST',
  path: '/v1/rollouts/plan',
  summary:
    'Says who would be upgraded, in which order and waves, who is there already and who cannot; makes nothing.',
  permission: 'view',
  params: none,
  query: none,
  body: z.object(asked).refine(hasOneTarget, ONE_TARGET),
  status: 200,
  response: rolloutPlan,
  isLong: true,
});

export const simulateRollout = defineRoute({
  id: 'simulateRollout',
  method: 'POST',
  path: '/v1/rollouts/simulate',
  summary:
    'Supposes a rollout: its order, when it would end, and what stays in service of each group. No failure is simulated; makes nothing.',
  permission: 'view',
  params: none,
  query: none,
  body: z.object(asked).refine(hasOneTarget, ONE_TARGET),
  status: 200,
  response: rolloutSimulation,
  isLong: true,
});

export const simulateStoredRollout = defineRoute({
  id: 'simulateStoredRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/simulate',
  summary: 'The same for one that has not started, as if it started now.',
  permission: 'view',
  params,
  query: none,
  body: z.null(),
  status: 200,
  response: rolloutSimulation,
  isLong: true,
});

export const createRollout = defineRoute({
  id: 'createRollout',
  method: 'POST',
  path: '/v1/rollouts',
  summary:
    'Makes a rollout and plans it: it waits to be started. As a draft it is kept as it was asked for.',
  permission: 'upgrade',
  params: none,
  query: none,
  body: z
    .object({
      ...asked,
      /** Unlike any other rollout’s; without it one is made of component and version. */
      name: name.optional(),
      /** Not planned yet: nobody is looked at. */
      isDraft: z.boolean().default(false),
      /** It starts by itself then, planned anew. */
      startsMs: timeMs.optional(),
      /** The same key gives the same rollout. */
      key,
      why,
    })
    .refine(hasOneTarget, ONE_TARGET),
  status: 201,
  response: rollout,
  isLong: true,
});

export const editRollout = defineRoute({
  id: 'editRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/edit',
  summary:
    'Changes what has not started, and plans it anew; an approval that it had is gone. What is left out stays.',
  permission: 'upgrade',
  params,
  query: none,
  body: z
    .object({
      ...target,
      component: component.optional(),
      version: version.optional(),
      spec: rolloutSpec.partial().default({}),
      name: name.optional(),
      /** Null: it starts at no time by itself. */
      startsMs: timeMs.nullable().optional(),
      /** It is a draft afterwards. */
      isDraft: z.boolean().default(false),
      why,
    })
    .refine((body) => body.agents === undefined || body.select === undefined, ONE_TARGET),
  status: 200,
  response: rollout,
  isLong: true,
});

export const planStoredRollout = defineRoute({
  id: 'planStoredRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/plan',
  summary: 'Plans a draft, or what is pending anew, from what agents report now.',
  permission: 'upgrade',
  params,
  query: none,
  body: act,
  status: 200,
  response: z.object({
    rollout,
    plan: rolloutPlan,
    /** From the plan before; null: it had none. */
    difference: planDifference.nullable(),
  }),
  isLong: true,
});

export const splitRollout = defineRoute({
  id: 'splitRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/split',
  summary:
    'Makes several of one that is pending, each with its share of each group; that one is cancelled, and they are started like any other.',
  permission: 'upgrade',
  params,
  query: none,
  body: z.object({
    into: z.number().int().min(2).max(1000),
    /** Each starts by itself once the one before it has ended well. */
    isOneByOne: z.boolean().default(false),
    /** Groups stay whole. */
    isByGroup: z.boolean().default(false),
    why,
  }),
  status: 201,
  response: z.object({ rollouts: z.array(rollout) }),
  isLong: true,
});

export const revertRollout = defineRoute({
  id: 'revertRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/revert',
  summary:
    'Makes rollouts that take back what one has upgraded: to one version, or each agent to what it ran before.',
  permission: 'upgrade',
  params,
  query: none,
  body: z.object({
    /** Left out: each to what it ran before, one rollout for each version. */
    version: version.optional(),
    spec: rolloutSpec.partial().default({}),
    name: name.optional(),
    key,
    why,
  }),
  status: 201,
  response: z.object({
    rollouts: z.array(rollout),
    /** Who was upgraded and cannot be taken back, with the reason. */
    cannot: z.array(z.object({ agent: name, reason: z.string() })),
  }),
  isLong: true,
});

export const listRollouts = defineRoute({
  id: 'listRollouts',
  method: 'GET',
  path: '/v1/rollouts',
  summary: 'Rollouts, newest first.',
  permission: 'view',
  params: none,
  query: z.object({
    state: rolloutState.optional(),
    before: id.optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(100),
  }),
  body: z.null(),
  status: 200,
  response: z.object({ rollouts: z.array(rollout), next: id.nullable() }),
});

export const getRollout = defineRoute({
  id: 'getRollout',
  method: 'GET',
  path: '/v1/rollouts/:rollout',
  summary: 'One rollout: its state and why, its waves, what it waits for.',
  permission: 'view',
  params,
  query: none,
  body: z.null(),
  status: 200,
  response: rollout,
});

export const startRollout = defineRoute({
  id: 'startRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/start',
  summary:
    'Starts what is pending, now or at a time. Refused where what agents report has changed who goes since it was planned.',
  permission: 'upgrade',
  params,
  query: none,
  body: act.extend({
    /** Then; it is planned anew before. */
    startsMs: timeMs.optional(),
    /** Also where the plan went stale. */
    asPlanned: z.boolean().default(false),
  }),
  status: 200,
  response: rollout,
});

export const pauseRollout = defineRoute({
  id: 'pauseRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/pause',
  summary: 'Starts nobody more; whoever has permission for the switch finishes.',
  permission: 'upgrade',
  params,
  query: none,
  body: act,
  status: 200,
  response: rollout,
});

export const resumeRollout = defineRoute({
  id: 'resumeRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/resume',
  summary: 'Goes on after a pause, or after a halt: failures so far do not halt it again.',
  permission: 'upgrade',
  params,
  query: none,
  body: act,
  status: 200,
  response: rollout,
});

export const approveRollout = defineRoute({
  id: 'approveRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/approve',
  summary:
    'Of what is pending and needs a second principal: lets it start. Of what runs: opens the next wave, whatever its gate says; soaking it waits for all the same.',
  permission: 'upgrade',
  params,
  query: none,
  body: act,
  status: 200,
  response: rollout,
});

export const cancelRollout = defineRoute({
  id: 'cancelRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/cancel',
  summary: 'Ends it: those that have no permission for the switch keep their version.',
  permission: 'upgrade',
  params,
  query: none,
  body: act,
  status: 200,
  response: z.object({
    rollout,
    agents: z.array(
      z.object({ agent: name, answer: z.enum(['stopped', 'too-late', 'done', 'over']) }),
    ),
  }),
});

export const skipRolloutAgent = defineRoute({
  id: 'skipRolloutAgent',
  method: 'POST',
  path: '/v1/rollouts/:rollout/agents/:agent/skip',
  summary: 'Leaves one agent out, until its fetching starts.',
  permission: 'upgrade',
  params: params.extend({ agent: name }),
  query: none,
  body: act,
  status: 200,
  response: rollout,
});

export const retryRollout = defineRoute({
  id: 'retryRollout',
  method: 'POST',
  path: '/v1/rollouts/:rollout/retry',
  summary:
    'Puts those that failed, or were rolled back, in the line again; of a rollout that is not over.',
  permission: 'upgrade',
  params,
  query: none,
  body: act,
  status: 200,
  response: z.object({ rollout, agents: z.array(name) }),
});

const group = z.object({
  name,
  agents: z.number().int(),
  /** How many of its agents may be upgrading at once. */
  unavailableMax: z.number().int(),
});

export const listGroups = defineRoute({
  id: 'listGroups',
  method: 'GET',
  path: '/v1/groups',
  summary:
    'Groups, with the number of their agents and how many of these may be upgrading at once.',
  permission: 'view',
  params: none,
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({ groups: z.array(group) }),
});

export const setGroup = defineRoute({
  id: 'setGroup',
  method: 'PUT',
  path: '/v1/groups/:group',
  summary: 'Says how many agents of a group may be upgrading at once.',
  permission: 'upgrade',
  params: z.object({ group: name }),
  query: none,
  body: z.object({ unavailableMax: z.number().int().min(1).max(100_000), why }),
  status: 200,
  response: group,
});

export const removeGroup = defineRoute({
  id: 'removeGroup',
  method: 'DELETE',
  path: '/v1/groups/:group',
  summary: 'Removes a group that nothing needs any more, with what was set for it.',
  permission: 'upgrade',
  params: z.object({ group: name }),
  query: z.object({ why }),
  body: z.null(),
  status: 200,
  response: z.object({ name: z.string() }),
});
