import type { Maintenance, RestoreStatus } from '@moult/api';
import type { Clock } from '@moult/runtime/clock';
import type { Store } from '@moult/store';
import type { OutputFlow } from '../../output/output-flow.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import type { Rollouts } from '../../rollouts/rollouts.ts';
import type { Handlers } from '../handler.ts';

export interface CoordinatorHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly output: Pick<OutputFlow, 'forwards'>;
  readonly rollouts: Pick<Rollouts, 'touch'>;
}

export function coordinatorHandlers(
  options: CoordinatorHandlersOptions,
): Pick<Handlers, 'getCoordinator' | 'adoptCoordinator' | 'getMaintenance' | 'setMaintenance'> {
  const { store, clock, dispatcher, rollouts } = options;
  return {
    getCoordinator: () => statusOf(options),
    getMaintenance: () => maintenanceView(options),
    setMaintenance: async ({ body, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
      await store.write('setMaintenance', { ...order, isOn: body.isOn, waits: body.waits });
      rollouts.touch();
      for (const id of await store.read('openInstanceIds', { group: null })) dispatcher.touch(id);
      return await maintenanceView(options);
    },
    adoptCoordinator: async ({ body, caller }) => {
      const order = { nowMs: clock.nowMs(), principal: caller.principal, why: body.why };
      await store.write('adopt', order);
      for (const id of await store.read('openInstanceIds', { group: null })) dispatcher.touch(id);
      return statusOf(options);
    },
  };
}

async function maintenanceView({ store, clock }: CoordinatorHandlersOptions): Promise<Maintenance> {
  const { inFlight, ...is } = await store.read('maintenance', { nowMs: clock.nowMs() });
  return {
    ...is,
    isOn: is.ordered !== null || is.settlingSinceMs !== null,
    inFlight: inFlight.map(({ agentName: agent, ...rest }) => ({ agent, ...rest })),
  };
}

async function statusOf(options: CoordinatorHandlersOptions): Promise<RestoreStatus> {
  const { store, output } = options;
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
    maintenance: await maintenanceView(options),
    forwards: output.forwards.map((row) => ({
      target: row.target,
      position: row.position,
      newest: newestOutput,
      failingSinceMs: row.failing_since_ms,
      trouble: row.trouble === '' ? null : row.trouble,
    })),
  };
}
