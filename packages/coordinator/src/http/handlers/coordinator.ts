import type { RestoreStatus } from '@moult/api';
import type { Clock } from '@moult/runtime/clock';
import type { ForwardTable, Store } from '@moult/store';
import type { OutputFlow } from '../../output/output-flow.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import type { Handlers } from '../handler.ts';

export interface CoordinatorHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly output: Pick<OutputFlow, 'forwards'>;
}

export function coordinatorHandlers(
  options: CoordinatorHandlersOptions,
): Pick<Handlers, 'getCoordinator' | 'adoptCoordinator'> {
  const { store, clock, dispatcher, output } = options;
  return {
    getCoordinator: () => statusOf(store, output.forwards),
    adoptCoordinator: async ({ body, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
      await store.write('adopt', order);
      for (const id of await store.read('openInstanceIds', { group: null })) dispatcher.touch(id);
      return statusOf(store, output.forwards);
    },
  };
}

async function statusOf(store: Store, forwards: readonly ForwardTable[]): Promise<RestoreStatus> {
  const { life, agents, seen, ahead, orphans } = await store.read('restoreSummary', null);
  const newestOutput = await store.read('newestOutput', null);
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
    forwards: forwards.map((row) => ({
      target: row.target,
      position: row.position,
      newest: newestOutput,
      failingSinceMs: row.failing_since_ms,
      trouble: row.trouble === '' ? null : row.trouble,
    })),
  };
}
