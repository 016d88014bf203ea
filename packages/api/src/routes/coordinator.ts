import { z } from 'zod';
import { defineRoute } from '../route.ts';
import { none, restoreStatus, why } from '../schemas.ts';

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
