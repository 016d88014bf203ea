/* What is told of a rollout and its agents beyond where it stands. */
import { COMMAND_STATES } from '@moult/core/command';
import { z } from 'zod';
import { memberCounts, memberState, rollout, rolloutMember } from '../rollout-schemas.ts';
import { defineRoute } from '../route.ts';
import { historyEntry, id, name, none, timeMs, version } from '../schemas.ts';

/** Its id or its name. */
const params = z.object({ rollout: z.string().min(1).max(128) });

/** So many commands, and agents, at a time. */
const limit = z.coerce.number().int().min(1).max(1000).default(1000);

export const listRolloutAgents = defineRoute({
  id: 'listRolloutAgents',
  method: 'GET',
  path: '/v1/rollouts/:rollout/agents',
  summary: 'The agents of a rollout in their order, with state, reason and how it ended.',
  permission: 'view',
  params,
  query: z.object({
    state: memberState.optional(),
    after: z.coerce.number().int().optional(),
    limit,
  }),
  body: z.null(),
  status: 200,
  response: z.object({
    agents: z.array(rolloutMember),
    next: z.number().int().nullable(),
  }),
});

export const listRolloutCommands = defineRoute({
  id: 'listRolloutCommands',
  method: 'GET',
  path: '/v1/rollouts/:rollout/commands',
  summary:
    'The commands that a rollout has given, oldest first, and what became of each; of an agent that was tried again several.',
  permission: 'view',
  params,
  query: z.object({ agent: name.optional(), after: id.optional(), limit }),
  body: z.null(),
  status: 200,
  response: z.object({
    commands: z.array(
      z.object({
        commandId: id,
        agent: name,
        group: name,
        /** Empty: its host has not said. */
        platform: z.string(),
        wave: z.number().int(),
        place: z.number().int(),
        from: version.nullable(),
        to: version,
        state: z.enum(COMMAND_STATES),
        outcome: z.string().nullable(),
        code: z.string().nullable(),
        message: z.string().nullable(),
        orderedMs: timeMs,
        orderedBy: z.string(),
        /** When its host began; null: it has not. */
        startedMs: timeMs.nullable(),
        endedMs: timeMs.nullable(),
        bytesFetched: z.number().int(),
        /** For how long the host was without an agent; null: it was not, or not yet. */
        gapMs: z.number().nullable(),
      }),
    ),
    next: id.nullable(),
  }),
});

export const reportRollout = defineRoute({
  id: 'reportRollout',
  method: 'GET',
  path: '/v1/rollouts/:rollout/report',
  summary:
    'What a rollout came to: totals by platform and group, who is upgrading and who lately has, what was done to it, by whom and why.',
  permission: 'view',
  params,
  query: none,
  body: z.null(),
  status: 200,
  response: z.object({
    rollout,
    platforms: z.array(z.object({ platform: z.string(), counts: memberCounts })),
    groups: z.array(z.object({ group: name, counts: memberCounts })),
    /** Commands that it has given. */
    commands: z.number().int(),
    bytesFetched: z.number().int(),
    /** In the order of their turns. */
    upgrading: z.array(rolloutMember),
    /** Those that were over last come first. */
    lately: z.array(rolloutMember),
    /** Oldest first; of very many the newest. */
    acts: z.array(historyEntry),
  }),
});

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
