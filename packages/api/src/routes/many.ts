/* One order for many agents, by name or by selector. Never capped; who is refused keeps nobody else from being done. */
import { PACES } from '@moult/core/upgrade';
import { z } from 'zod';
import { defineRoute } from '../route.ts';
import {
  component,
  hasOneTarget,
  id,
  labels,
  name,
  none,
  ONE_TARGET,
  target,
  told,
  version,
  why,
} from '../schemas.ts';

const ends = {
  /** How many agents are meant. */
  selected: z.number().int(),
  refused: z.array(told.extend({ agent: name })),
  /** What stopped it before everybody had a turn; null: each of the selected was done or refused. */
  unfinished: told.nullable(),
};

export const upgradeAgents = defineRoute({
  id: 'upgradeAgents',
  method: 'POST',
  path: '/v1/agents/upgrade',
  summary:
    'Orders an upgrade of many agents now. Without a version: of each to its desired version.',
  permission: 'upgrade',
  params: none,
  query: none,
  body: z
    .object({
      ...target,
      component: component.default('agent'),
      version: version.optional(),
      /** Overrides what a host has refused and waits for retries; never trust, platform, disk or validation. */
      isForced: z.boolean().default(false),
      pace: z.enum(PACES).default('now'),
      why,
      /** The same key gives the same commands, also where the selector does not match their agents any more. */
      key: z.string().max(64).optional(),
      /** Says what would be ordered, and orders nothing. */
      isDryRun: z.boolean().default(false),
      /** Leaves out agents that run without a launcher: after the switch they stay down until somebody starts them. */
      onlyWithLauncher: z.boolean().default(false),
    })
    .refine(hasOneTarget, ONE_TARGET),
  status: 202,
  response: z.object({
    ...ends,
    ordered: z.array(
      z.object({
        agent: name,
        version,
        /** Null in a dry run, unless the key has given it a command before. */
        commandId: id.nullable(),
        /** False: the key had given this command before. */
        isNew: z.boolean(),
      }),
    ),
    /** Left out because they run without a launcher. */
    leftOut: z.array(name),
    /** What should be known before; it keeps nobody from being upgraded but whoever is too old for it. */
    warnings: z.array(
      z.object({
        agent: name,
        code: z.enum(['manual-upgrade-required', 'no-launcher', 'changed-by-hand']),
        message: z.string(),
      }),
    ),
  }),
  isLong: true,
});

export const moveAgents = defineRoute({
  id: 'moveAgents',
  method: 'POST',
  path: '/v1/agents/move',
  summary:
    'Puts many agents into another group: its settings, its choice and its turns are theirs from then on. One that takes a place of its group now is refused.',
  permission: 'upgrade',
  params: none,
  query: none,
  body: z
    .object({
      ...target,
      group: name,
      /** The group is made where there is none of that name. */
      mayMake: z.boolean().default(false),
      why,
    })
    .refine(hasOneTarget, ONE_TARGET),
  status: 200,
  response: z.object({
    ...ends,
    /** `from` is `group` where nothing had to be done. */
    moved: z.array(z.object({ agent: name, from: name })),
  }),
  isLong: true,
});

export const labelAgents = defineRoute({
  id: 'labelAgents',
  method: 'POST',
  path: '/v1/agents/label',
  summary:
    'Gives many agents labels, or takes away those that were given. What the configuration of a host says stays, and gives way to these.',
  permission: 'upgrade',
  params: none,
  query: none,
  body: z
    .object({ ...target, set: labels.default({}), remove: z.array(z.string()).default([]), why })
    .refine(hasOneTarget, ONE_TARGET),
  status: 200,
  response: z.object({
    ...ends,
    /** What operators have given each of them by now. */
    labelled: z.array(z.object({ agent: name, labels })),
  }),
  isLong: true,
});

export const validateAgents = defineRoute({
  id: 'validateAgents',
  method: 'POST',
  path: '/v1/agents/validate',
  summary: 'Accepts many enrolled agents: from now on they get commands.',
  permission: 'operate',
  params: none,
  query: none,
  body: z.object({ ...target, why }).refine(hasOneTarget, ONE_TARGET),
  status: 200,
  response: z.object({ ...ends, validated: z.array(name) }),
  isLong: true,
});
