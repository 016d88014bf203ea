/* What operators say of agents: the group that they serve in, and their labels. */
import type { Clock } from '@moult/runtime/clock';
import type { Store } from '@moult/store';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import { actOnAll, namedOrSelected } from '../../registry/many.ts';
import type { Selection } from '../../registry/selection.ts';
import type { Rollouts } from '../../rollouts/rollouts.ts';
import type { Handlers } from '../handler.ts';

export interface GroupLabelHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly selection: Selection;
  readonly rollouts: Pick<Rollouts, 'lookAt' | 'touch'>;
}

type GroupLabelHandlers = Pick<Handlers, 'labelAgents' | 'moveAgents'>;

export function groupLabelHandlers(options: GroupLabelHandlersOptions): GroupLabelHandlers {
  const { store, clock, dispatcher, selection, rollouts } = options;
  return {
    moveAgents: async ({ body, caller }) => {
      const { group, mayMake, why } = body;
      const order = { group, mayMake, principal: caller.principal, why };
      const all = await namedOrSelected(selection, body);
      const { done: moved, ...rest } = await actOnAll(all, async ({ agentName: agent }) => {
        const nowMs = clock.nowMs();
        const { instanceId, from } = await store.write('moveAgent', {
          ...order,
          name: agent,
          nowMs,
        });
        // What the new group wants holds from now on.
        await store.write('issueWanted', { instanceIds: [instanceId], nowMs });
        dispatcher.touch(instanceId, { resends: true });
        return { agent, from };
      });
      rollouts.touch();
      return { ...rest, moved };
    },
    labelAgents: async ({ body, caller }) => {
      const { set, remove, why } = body;
      const order = { set, remove, principal: caller.principal, why };
      const all = await namedOrSelected(selection, body);
      const { done: labelled, ...rest } = await actOnAll(all, async ({ agentName: agent }) => {
        const args = { ...order, name: agent, nowMs: clock.nowMs() };
        const { instanceId, labels } = await store.write('labelAgent', args);
        // A rollout that takes late joiners may mean it now.
        rollouts.lookAt(instanceId);
        return { agent, labels: { ...labels } };
      });
      return { ...rest, labelled };
    },
  };
}
