import { z } from 'zod';
import { choiceRollout } from '../rollout-schemas.ts';
import { defineRoute } from '../route.ts';
import { choice, command, component, name, none, offer, version, why } from '../schemas.ts';

/** Null takes the choice back: what is chosen farther away holds again. */
const body = z.object({ version: version.nullable(), why });
const response = z.object({
  /** Of agents that are in no rollout of this choice. */
  commands: z.array(command),
  /** What the choice has made; null: it is for one agent, or nobody would be upgraded by it. */
  rollout: choiceRollout.nullable(),
});

export const setFleetDesired = defineRoute({
  id: 'setFleetDesired',
  method: 'PUT',
  path: '/v1/fleet/desired/:component',
  summary: 'Chooses the version for the fleet; null takes the choice back.',
  permission: 'upgrade',
  params: z.object({ component }),
  query: none,
  body,
  status: 200,
  response,
});

export const setGroupDesired = defineRoute({
  id: 'setGroupDesired',
  method: 'PUT',
  path: '/v1/groups/:group/desired/:component',
  summary:
    'Chooses the version for a group, before the fleet’s; null takes the choice back. One agent of the group after the other.',
  permission: 'upgrade',
  params: z.object({ group: name, component }),
  query: none,
  body,
  status: 200,
  response,
});

export const setAgentDesired = defineRoute({
  id: 'setAgentDesired',
  method: 'PUT',
  path: '/v1/agents/:name/desired/:component',
  summary: 'Chooses the version for one agent, before its group’s; null takes the choice back.',
  permission: 'upgrade',
  params: z.object({ name, component }),
  query: none,
  body,
  status: 200,
  response,
});

export const listChoices = defineRoute({
  id: 'listChoices',
  method: 'GET',
  path: '/v1/choices',
  summary:
    'Versions that are chosen for the fleet, groups and agents, newest first; with `group` those that concern its agents.',
  permission: 'view',
  params: none,
  query: z.object({
    group: name.optional(),
    before: z.coerce.number().int().optional(),
    limit: z.coerce.number().int().min(1).max(1000).default(1000),
  }),
  body: z.null(),
  status: 200,
  response: z.object({ choices: z.array(choice), next: z.number().int().nullable() }),
});

export const listOffers = defineRoute({
  id: 'listOffers',
  method: 'GET',
  path: '/v1/offers',
  summary:
    'Versions that can be chosen, by platform, newest first, with the agents that run each; with `group` for its platforms.',
  permission: 'view',
  params: none,
  query: z.object({ component: component.default('agent'), group: name.optional() }),
  body: z.null(),
  status: 200,
  response: z.object({ platforms: z.array(offer) }),
});
