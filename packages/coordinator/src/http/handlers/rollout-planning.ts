/* What is done with a rollout before it runs: planned, made, edited, planned anew, started (R4, R5). */
import type { Rollout } from '@moult/api';
import { CodedError } from '@moult/core/errors';
import { isOver, type RolloutSpec, readSpec, stateRemedyOf } from '@moult/core/rollout';
import { specByPolicy } from '@moult/core/settings';
import type { Clock } from '@moult/runtime/clock';
import type { RolloutTable, Store } from '@moult/store';
import type { Sessions } from '../../gateway/sessions.ts';
import { existingOrSelected } from '../../registry/many.ts';
import { type Selection, selectorOf } from '../../registry/selection.ts';
import type { Asked, Planning } from '../../rollouts/planning.ts';
import type { Rollouts } from '../../rollouts/rollouts.ts';
import type { Handlers } from '../handler.ts';
import { simulationOf } from './rollout-simulation.ts';
import { planView, type SpecGiven, specGiven, viewOf } from './rollout-view.ts';

export interface RolloutPlanningOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly selection: Selection;
  readonly planning: Planning;
  readonly sessions: Sessions;
  readonly rollouts: Rollouts;
}

type PlanningHandlers = Pick<
  Handlers,
  | 'planRollout'
  | 'createRollout'
  | 'editRollout'
  | 'planStoredRollout'
  | 'startRollout'
  | 'simulateRollout'
  | 'simulateStoredRollout'
  | 'splitRollout'
  | 'revertRollout'
>;

export function rolloutPlanningHandlers(options: RolloutPlanningOptions): PlanningHandlers {
  const { store, clock, planning, rollouts } = options;
  return {
    ...makingMoreHandlers(options),
    ...simulationHandlers(options),
    planRollout: async ({ body }) => {
      const agents = await meant(options, body);
      const spec = await specOf(store, { ...body, agents });
      const selector = body.select ?? null;
      return planView(await store.read('rolloutPlan', { spec, selector, agents }));
    },
    createRollout: async ({ body, caller }) => {
      const same = await store.read('rolloutByKey', body.key ?? null);
      if (same !== null) return await viewOfRow(store, same);
      const order = { principal: caller.principal, why: body.why, nowMs: clock.nowMs() };
      const names = body.isDraft ? await written(options, body) : null;
      const target = { selector: body.select ?? null, agents: JSON.stringify(names ?? []) };
      const agents = body.isDraft ? await planning.agentsOf(target) : await meant(options, body);
      const what = {
        ...order,
        spec: await specOf(store, { ...body, agents }),
        name: body.name ?? null,
        selector: body.select ?? null,
        key: body.key ?? null,
        extras: body.startsMs === undefined ? {} : { starts_ms: body.startsMs },
      };
      const row = body.isDraft
        ? await store.write('draftRollout', { ...what, agents: names })
        : await store.write('createRollout', { ...what, agents });
      return await viewOfRow(store, row);
    },
    editRollout: async ({ params, body, caller }) => {
      const { version, component, select, agents } = body;
      await written(options, body);
      const row = await store.write('editRollout', {
        rollout: params.rollout,
        spec: {
          ...specGiven(body.spec),
          ...(version === undefined ? {} : { version }),
          ...(component === undefined ? {} : { component }),
        },
        ...(select === undefined ? {} : { selector: select }),
        ...(agents === undefined ? {} : { agents }),
        ...(body.name === undefined ? {} : { name: body.name }),
        ...(body.startsMs === undefined ? {} : { startsMs: body.startsMs }),
        isPlanned: !body.isDraft,
        ...{ principal: caller.principal, why: body.why, nowMs: clock.nowMs() },
      });
      return await viewOfRow(store, body.isDraft ? row : (await planned(options, row)).row);
    },
    planStoredRollout: async ({ params, body, caller }) => {
      const order = { principal: caller.principal, why: body.why, nowMs: clock.nowMs() };
      const ordered = await store.write('orderPlan', { ...order, rollout: params.rollout });
      const { row, plan, difference } = await planned(options, ordered);
      return { rollout: await viewOfRow(store, row), plan: planView(plan), difference };
    },
    startRollout: async ({ params, body, caller }) => {
      const order = { principal: caller.principal, why: body.why, nowMs: clock.nowMs() };
      const { rollout } = params;
      if (body.startsMs !== undefined) {
        const { startsMs } = body;
        return await viewOfRow(
          store,
          await store.write('setRolloutStart', { ...order, rollout, startsMs }),
        );
      }
      const { row } = await store.read('rolloutView', rollout);
      const now = body.asPlanned ? {} : { agents: await planning.agentsOf(row) };
      const started = await store.write('startRollout', { ...order, ...now, rollout });
      await rollouts.changed();
      return await viewOfRow(store, started);
    },
  };
}

function simulationHandlers(
  options: RolloutPlanningOptions,
): Pick<PlanningHandlers, 'simulateRollout' | 'simulateStoredRollout'> {
  const { store, planning } = options;
  return {
    simulateRollout: async ({ body }) => {
      const agents = await meant(options, body);
      const spec = await specOf(store, { ...body, agents });
      const selector = body.select ?? null;
      const plan = await store.read('rolloutPlan', { spec, selector, agents });
      return await simulationOf(options, { spec, plan });
    },
    simulateStoredRollout: async ({ params }) => {
      const { row } = await store.read('rolloutView', params.rollout);
      const spec = readSpec(row.spec);
      if (spec === null || row.started_ms !== null || isOver(row.state))
        throw new CodedError(
          'rollout-state',
          `${row.name} is ${row.state}: what has started is not simulated`,
          { remedy: stateRemedyOf(row) },
        );
      const agents = await planning.agentsOf(row);
      const { selector } = row;
      const plan = await store.read('rolloutPlan', { spec, selector, agents });
      return await simulationOf(options, { spec, plan });
    },
  };
}

function makingMoreHandlers(
  options: RolloutPlanningOptions,
): Pick<PlanningHandlers, 'splitRollout' | 'revertRollout'> {
  const { store, clock, planning } = options;
  const viewsOf = async (rows: readonly RolloutTable[]) => {
    const views: Rollout[] = [];
    for (const row of rows) views.push(await viewOfRow(store, row));
    return views;
  };
  return {
    splitRollout: async ({ params, body, caller }) => {
      const { into, isOneByOne, isByGroup } = body;
      const order = { principal: caller.principal, why: body.why, nowMs: clock.nowMs() };
      const split = { ...order, rollout: params.rollout, into, isOneByOne, isByGroup };
      return { rollouts: await viewsOf(await store.write('splitRollout', split)) };
    },
    revertRollout: async ({ params, body, caller }) => {
      const { rollout } = params;
      const order = { principal: caller.principal, why: body.why, nowMs: clock.nowMs() };
      const { row } = await store.read('rolloutView', rollout);
      const agents = planning.asked(await store.read('upgradedBy', rollout));
      const { component } = row;
      const version = body.version ?? null;
      const done = await store.write('revertRollout', {
        ...{ ...order, rollout, version, agents },
        spec: await specOf(store, { component, version: row.version, spec: body.spec, agents }),
        ...{ name: body.name ?? null, key: body.key ?? null },
      });
      return { rollouts: await viewsOf(done.rollouts), cannot: [...done.cannot] };
    },
  };
}

/** What is left out is as settings say: those of the group, where all are of one, else the fleet's (R3). */
async function specOf(
  store: Store,
  asked: {
    readonly component: RolloutSpec['component'];
    readonly version: string;
    readonly spec: SpecGiven;
    readonly select?: string | undefined;
    readonly agents: Asked;
  },
): Promise<RolloutSpec> {
  const { component, version, agents } = asked;
  const instanceIds = agents.map(({ instanceId }) => instanceId);
  const policy = await store.read('policyForAgents', { instanceIds });
  const given = { ...specGiven(asked.spec), component, version };
  return specByPolicy(policy, given, { bySelector: asked.select !== undefined });
}

async function viewOfRow(store: Store, row: RolloutTable): Promise<Rollout> {
  return viewOf(await store.read('rolloutView', row.id));
}

/** Throws what keeps it a draft. */
async function planned({ store, planning }: RolloutPlanningOptions, ordered: RolloutTable) {
  const { row, plan, trouble, difference } = await planning.finish(ordered.id);
  if (trouble !== null)
    throw new CodedError(trouble.code, `${row.name} is a draft: ${trouble.message}`);
  if (plan !== null) return { row, plan, difference: difference && told(difference) };
  // Somebody else was faster.
  const spec = readSpec(row.spec);
  if (spec === null) throw new CodedError('rollout-state', `${row.name} cannot be read any more`);
  const agents = await planning.agentsOf(row);
  const now = { spec, selector: row.selector, agents };
  return { row, plan: await store.read('rolloutPlan', now), difference: null };
}

type Difference = NonNullable<Awaited<ReturnType<Planning['finish']>>['difference']>;

function told({ alreadyThere, cannot, gone, added }: Difference) {
  return {
    alreadyThere: [...alreadyThere],
    cannot: [...cannot],
    gone: [...gone],
    added: [...added],
  };
}

interface Target {
  readonly agents?: readonly string[] | undefined;
  readonly select?: string | undefined;
}

/** Throws `not-found`, `selector-invalid`, `nothing-selected`. */
async function meant(options: RolloutPlanningOptions, target: Target): Promise<Asked> {
  return options.planning.asked(await existingOrSelected(options, target));
}

/** As it is kept, once it can be understood: a selector may match nobody yet. Throws `not-found`, `selector-invalid`. */
async function written(
  options: RolloutPlanningOptions,
  target: Target,
): Promise<readonly string[] | null> {
  if (target.select !== undefined) selectorOf(target.select);
  if (target.agents === undefined) return null;
  const found = await existingOrSelected(options, { agents: target.agents });
  return found.map(({ agentName }) => agentName).sort();
}
