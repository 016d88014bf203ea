/* Rollouts: planned from what agents report, driven by operators (R1, R3 to R6, R11). */
import type { Rollout } from '@moult/api';
import {
  isActive,
  type Plan,
  planOf,
  type RolloutSpec,
  readSpec,
  sumOf,
} from '@moult/core/rollout';
import { specByPolicy } from '@moult/core/settings';
import type { Clock } from '@moult/runtime/clock';
import { countsOf, type RolloutTable, type RolloutView, type Store } from '@moult/store';
import type { Sessions } from '../../gateway/sessions.ts';
import type { Dispatcher } from '../../queue/dispatcher.ts';
import { existingOrSelected } from '../../registry/many.ts';
import type { Selection } from '../../registry/selection.ts';
import type { Rollouts } from '../../rollouts/rollouts.ts';
import type { Handlers } from '../handler.ts';

export interface RolloutHandlersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly selection: Selection;
  readonly rollouts: Rollouts;
}

type RolloutHandlers = Pick<
  Handlers,
  | 'planRollout'
  | 'createRollout'
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
>;

type Act = 'startRollout' | 'pauseRollout' | 'resumeRollout' | 'approveRollout';

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
    ...planningHandlers(options),
    ...groupHandlers(options),
    startRollout: act('startRollout'),
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
): Pick<RolloutHandlers, 'listGroups' | 'setGroup'> {
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
  };
}

function planningHandlers(
  options: RolloutHandlersOptions,
): Pick<RolloutHandlers, 'planRollout' | 'createRollout'> {
  const { store, clock } = options;
  return {
    planRollout: async ({ body }) => {
      const agents = await meant(options, body);
      const spec = await specOf(store, { ...body, agents });
      const candidates = await store.read('rolloutCandidates', { ...spec, agents });
      return planView(planOf(spec, candidates));
    },
    createRollout: async ({ body, caller }) => {
      const agents = await meant(options, body);
      const row = await store.write('createRollout', {
        spec: await specOf(store, { ...body, agents }),
        name: body.name ?? null,
        selector: body.select ?? null,
        agents,
        principal: caller.principal,
        why: body.why,
        nowMs: clock.nowMs(),
      });
      return viewOf(await store.read('rolloutView', row.id));
    },
  };
}

/** Throws `not-found`, `selector-invalid`, `nothing-selected`. */
async function meant(
  options: RolloutHandlersOptions,
  target: { readonly agents?: readonly string[] | undefined; readonly select?: string | undefined },
): Promise<readonly { readonly instanceId: string; readonly isConnected: boolean }[]> {
  const selected = await existingOrSelected(options, target);
  return selected.map(({ instanceId }) => ({
    instanceId,
    isConnected: options.sessions.of(instanceId) !== null,
  }));
}

/** What is left out is as settings say: those of the group, where all are of one, else the fleet's (R3). */
async function specOf(
  store: Store,
  asked: {
    readonly component: RolloutSpec['component'];
    readonly version: string;
    readonly spec: { readonly [Key in keyof RolloutSpec]?: RolloutSpec[Key] | undefined };
    readonly agents: readonly { readonly instanceId: string }[];
  },
): Promise<RolloutSpec> {
  const { component, version, agents } = asked;
  const given = Object.entries(asked.spec).filter(([, value]) => value !== undefined);
  const instanceIds = agents.map(({ instanceId }) => instanceId);
  const policy = await store.read('policyForAgents', { instanceIds });
  return specByPolicy(policy, { ...Object.fromEntries(given), component, version });
}

function planView(plan: Plan) {
  const totals = new Map<string, { platform: string; from: string | null; agents: number }>();
  for (const { candidate } of plan.members) {
    const { platform, version: from } = candidate;
    const key = `${platform} ${from}`;
    const agents = (totals.get(key)?.agents ?? 0) + 1;
    totals.set(key, { platform, from, agents });
  }
  return {
    members: plan.members.map(({ candidate, wave }) => ({
      agent: candidate.agentName,
      group: candidate.group,
      platform: candidate.platform,
      from: candidate.version,
      wave,
      isConnected: candidate.isConnected,
    })),
    alreadyThere: plan.alreadyThere.map(({ agentName }) => agentName),
    cannot: plan.cannot.map(({ candidate, reason }) => ({ agent: candidate.agentName, reason })),
    warnings: plan.warnings.map(({ code, agents }) => ({ code, agents: [...agents] })),
    totals: [...totals.values()].sort((a, b) => b.agents - a.agents),
  };
}

export function viewOf({ row, waves, failures }: RolloutView): Rollout {
  const shown = waves.map((wave) => ({
    counts: countsOf(wave),
    lastEndMs: wave.last_end_ms,
    isApproved: wave.is_approved === 1,
  }));
  const spec = readSpec(row.spec);
  const wave = shown.findIndex(({ counts }) => counts.waiting + counts.upgrading > 0);
  return {
    id: row.id,
    name: row.name,
    component: row.component,
    version: row.version,
    select: row.selector,
    state: row.state,
    stateWhy: row.state_why,
    spec: spec === null ? null : specView(spec),
    createdMs: row.created_ms,
    createdBy: row.created_by,
    why: row.why,
    startedMs: row.started_ms,
    endedMs: row.ended_ms,
    outcome: row.outcome,
    waitsFor:
      row.waits_reason === null || !isActive(row.state)
        ? null
        : { reason: row.waits_reason, untilMs: row.waits_until_ms },
    counts: sumOf(shown.map(({ counts }) => counts)),
    failures: [...failures],
    wave: wave === -1 ? null : wave,
    waves: shown,
    alreadyThere: row.already_there,
    cannot: JSON.parse(row.cannot) as Rollout['cannot'],
    warnings: JSON.parse(row.warnings) as Rollout['warnings'],
  };
}

function specView(spec: RolloutSpec): Rollout['spec'] {
  const { component: _component, version: _version, waves, ...rest } = spec;
  return { ...rest, waves: [...waves] };
}
