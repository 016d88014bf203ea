import { z } from 'zod';
import { maintenance, restoreStatus } from '../coordinator-schemas.ts';
import { defineRoute } from '../route.ts';
import { none, why } from '../schemas.ts';

export const getCoordinator = defineRoute({
  id: 'getCoordinator',
  method: 'GET',
  path: '/v1/coordinator',
  summary:
    'The coordinator’s own state: whether it was restored, which agents are ahead of it, where output is handed on.',
  permission: 'view',
  params: none,
  query: none,
  body: z.null(),
  status: 200,
  response: restoreStatus,
});

export const adoptCoordinator = defineRoute({
  id: 'adoptCoordinator',
  method: 'POST',
  path: '/v1/coordinator/adopt',
  summary: 'Lifts the hold of a restored coordinator. Again is no error.',
  permission: 'administer',
  params: none,
  query: none,
  body: z.object({ why }),
  status: 200,
  response: restoreStatus,
});

export const getMaintenance = defineRoute({
  id: 'getMaintenance',
  method: 'GET',
  path: '/v1/coordinator/maintenance',
  summary: 'Whether upgrades are held for an upgrade of the coordinator, and who is upgrading.',
  permission: 'view',
  params: none,
  query: none,
  body: z.null(),
  status: 200,
  response: maintenance,
});

export const setMaintenance = defineRoute({
  id: 'setMaintenance',
  method: 'PUT',
  path: '/v1/coordinator/maintenance',
  summary:
    'Holds all upgrades of agents while the coordinator is upgraded, or lets them go on. Again is no error.',
  permission: 'administer',
  params: none,
  query: none,
  body: z.object({
    isOn: z.boolean(),
    /** False: refused while agents are upgrading. True: nobody else starts, and these are told, to be waited for. */
    waits: z.boolean().default(false),
    why,
  }),
  status: 200,
  response: maintenance,
});
