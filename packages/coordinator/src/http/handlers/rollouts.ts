/* Rollouts: planned from what agents report, driven by operators (R1, R3 to R6, R11). */
import type { Clock } from '@moult/runtime/clock';
import type { RolloutTable, Store } from '@moult/store';
import type { Sessions } from '../../gateway/sessions.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import type { Selection } from '../../registry/selection.ts';
import type { Planning } from '../../rollouts/planning.ts';
import type { Rollouts } from '../../rollouts/rollouts.ts';
import type { Handlers } from '../handler.ts';
import { rolloutPlanningHandlers } from './rollout-planning.ts';
import { viewOf } from './rollout-view.ts';

export interface RolloutHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly selection: Selection;
  readonly rollouts: Rollouts;
  readonly planning: Planning;
  readonly sessions: Sessions;
}

type RolloutHandlers = Pick<
  Handlers,
  | 'planRollout'
  | 'createRollout'
  | 'editRollout'
  | 'planStoredRollout'
  | 'simulateRollout'
  | 'simulateStoredRollout'
  | 'splitRollout'
  | 'revertRollout'
  | 'listRollouts'
  | 'getRollout'
  | 'startRollout'
  | 'pauseRollout'
  | 'resumeRollout'
  | 'approveRollout'
  | 'cancelRollout'
  | 'skipRolloutAgent'
  | 'retryRollout'
  | 'listGroups'
  | 'setGroup'
  | 'removeGroup'
>;

type Act = 'pauseRollout' | 'resumeRollout' | 'approveRollout';

export function rolloutHandlers(options: RolloutHandlersOptions): RolloutHandlers {
  const { store, clock, dispatcher, rollouts } = options;
  const viewOfRow = async (row: RolloutTable) => viewOf(await store.read('rolloutView', row.id));
  const act =
    (name: Act): RolloutHandlers[Act] =>
    async ({ params, body, caller }) => {
      const order = { principal: caller.principal, why: body.why, nowMs: clock.nowMs() };
      const row = await store.write(name, { ...order, rollout: params.rollout });
      await rollouts.changed();
      await touchAll(options, row);
      return await viewOfRow(row);
    };
  return {
    ...rolloutPlanningHandlers(options),
    ...groupHandlers(options),
    pauseRollout: act('pauseRollout'),
    resumeRollout: act('resumeRollout'),
    approveRollout: act('approveRollout'),
    listRollouts: async ({ query }) => {
      const { state = null, before = null, limit } = query;
      const found = await store.read('rolloutPage', { state, before, limit: limit + 1 });
      const page = found.slice(0, limit);
      const next = found.length > limit ? (page.at(-1)?.row.id ?? null) : null;
      return { rollouts: page.map(viewOf), next };
    },
    getRollout: async ({ params }) => viewOf(await store.read('rolloutView', params.rollout)),
    cancelRollout: async ({ params, body, caller }) => {
      const order = { principal: caller.principal, why: body.why, nowMs: clock.nowMs() };
      const done = await store.write('cancelRollout', { ...order, rollout: params.rollout });
      for (const command of done.takenBack) dispatcher.tellTakenBack(command);
      for (const group of new Set(done.takenBack.map((command) => command.group_name)))
        await dispatcher.touchGroup(group);
      return { rollout: await viewOfRow(done.row), agents: [...done.agents] };
    },
    skipRolloutAgent: async ({ params, body, caller }) => {
      const order = { principal: caller.principal, why: body.why, nowMs: clock.nowMs() };
      const { rollout, agent: agentName } = params;
      const done = await store.write('skipRolloutAgent', { ...order, rollout, agentName });
      if (done.takenBack !== null) {
        dispatcher.tellTakenBack(done.takenBack);
        await dispatcher.touchGroup(done.takenBack.group_name);
      }
      await rollouts.changed();
      return await viewOfRow(done.row);
    },
    retryRollout: async ({ params, body, caller }) => {
      const order = { principal: caller.principal, why: body.why, nowMs: clock.nowMs() };
      const done = await store.write('retryRollout', { ...order, rollout: params.rollout });
      await rollouts.changed();
      return { rollout: await viewOfRow(done.row), agents: [...done.agents] };
    },
  };
}

/** Commands that a pause or a halt has held are to be looked at again. */
async function touchAll(
  { store, dispatcher }: RolloutHandlersOptions,
  row: RolloutTable,
): Promise<void> {
  if (row.state !== 'running') return;
  const ids = await store.read('openRolloutInstances', row.id);
  for (const id of ids) dispatcher.touch(id);
}

function groupHandlers(
  options: RolloutHandlersOptions,
): Pick<RolloutHandlers, 'listGroups' | 'setGroup' | 'removeGroup'> {
  const { store, clock, dispatcher } = options;
  return {
    listGroups: async () => ({ groups: [...(await store.read('allGroups', null))] }),
    setGroup: async ({ params, body, caller }) => {
      const { group } = params;
      const { unavailableMax, why } = body;
      const order = { principal: caller.principal, why, nowMs: clock.nowMs() };
      await store.write('setGroup', { ...order, group, unavailableMax });
      await dispatcher.touchGroup(group);
      const found = (await store.read('allGroups', null)).find(({ name }) => name === group);
      return { name: group, agents: found?.agents ?? 0, unavailableMax };
    },
    removeGroup: async ({ params, query, caller }) => {
      const order = { principal: caller.principal, why: query.why, nowMs: clock.nowMs() };
      await store.write('removeGroup', { ...order, group: params.group });
      return { name: params.group };
    },
  };
}
