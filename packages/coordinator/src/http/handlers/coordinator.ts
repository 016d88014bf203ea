import type { RestoreStatus } from '@moult/api';
import type { Clock } from '@moult/runtime/clock';
import type { Store } from '@moult/store';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import type { Handlers } from '../handler.ts';

export interface CoordinatorHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
}

export function coordinatorHandlers(
  options: CoordinatorHandlersOptions,
): Pick<Handlers, 'getCoordinator' | 'adoptCoordinator'> {
  const { store, clock, dispatcher } = options;
  return {
    getCoordinator: () => restoreStatus(store),
    adoptCoordinator: async ({ body, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
      await store.write('adopt', order);
      for (const id of await store.read('openInstanceIds', { group: null })) dispatcher.touch(id);
      return restoreStatus(store);
    },
  };
}

async function restoreStatus(store: Store): Promise<RestoreStatus> {
  const { life, agents, seen, ahead, orphans } = await store.read('restoreSummary', null);
  return {
    restore:
      life === null
        ? null
        : {
            generation: life.generation,
            origin: life.origin,
            why: life.why,
            atMs: life.began_ms,
            adoptedMs: life.adopted_ms,
            adoptedBy: life.adopted_by,
          },
    agents,
    seen,
    ahead: ahead.map((agent) => ({ ...agent })),
    orphans,
  };
}
