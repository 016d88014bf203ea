/* Rollouts at rest: what was started is over, nothing is on its way, and of each agent the coordinator believes what is so. */
import type { RealCoordinator } from '../fleet/real-coordinator.ts';
import { ACTIVE, type KnownRollout } from './known.ts';
import type { LightAgent } from './light-agent.ts';
import type { RolloutOracle } from './oracle.ts';
import { BEFORE_START, STANDING } from './rollout-operator.ts';

export interface Unrest {
  /** `busy`: it goes on by itself; `waits`: for a person; null: at rest. */
  readonly kind: 'busy' | 'waits' | null;
  readonly why: string;
}

/** A person frees what waits for one of these. */
const FREED_BY_PERSONS: ReadonlySet<string> = new Set([
  'awaiting-approval',
  'awaiting-gate',
  'coordinator-restored',
]);

export async function unrestOf(
  agents: readonly LightAgent[],
  coordinator: RealCoordinator,
  oracle: RolloutOracle,
): Promise<Unrest> {
  const { process } = coordinator;
  if (process === null) return { kind: 'busy', why: 'the coordinator does not run' };
  if (oracle.isHolding) return { kind: 'waits', why: 'nobody has adopted the store' };
  // Their agents may wait for somebody, too.
  const active = [...oracle.rollouts.values()].filter(({ state }) => ACTIVE.has(state));
  const stopped = active.find(({ state }) => state !== 'running');
  if (stopped !== undefined) return { kind: 'waits', why: `${stopped.name} is ${stopped.state}` };
  for (const agent of agents) {
    const why = agentUnrest(agent);
    if (why !== null) return { kind: 'busy', why: `${agent.name}: ${why}` };
  }
  for (const rollout of active) {
    const why = `${rollout.name} is ${rollout.state}`;
    const { row } = await process.raw.read('rolloutView', rollout.id);
    const isWaiting = FREED_BY_PERSONS.has(row.waits_reason ?? '');
    return { kind: isWaiting ? 'waits' : 'busy', why: `${why}: ${row.waits_reason}` };
  }
  for (const rollout of oracle.rollouts.values()) {
    const why = await startUnrest(rollout, { process, nowMs: coordinator.wallMs() });
    if (why !== null) return { kind: 'busy', why };
  }
  const page = { agent: null, state: 'open', before: null, limit: 1_000 } as const;
  for (const { id, state, hold_reason: reason, agent_name: name } of await process.raw.read(
    'commandPage',
    page,
  )) {
    const why = `${id} of ${name} is ${state}: ${reason}`;
    return { kind: STANDING.has(reason ?? '') ? 'waits' : 'busy', why };
  }
  const why = await disagreement(agents, coordinator, oracle);
  return why === null ? { kind: null, why: '' } : { kind: 'busy', why };
}

/** RO43: what is planned is, and what is to start by itself does, or says why not. */
async function startUnrest(
  { id, name, state, startsMs, startsAfter }: KnownRollout,
  of: { readonly process: NonNullable<RealCoordinator['process']>; readonly nowMs: number },
): Promise<string | null> {
  if (state === 'planning') return `${name} is being planned`;
  if (state !== 'pending' || startsMs === null || startsAfter !== null) return null;
  const { row } = await of.process.raw.read('rolloutView', id);
  const isHeld = HELD_AT_START.has(row.waits_reason ?? '');
  return isHeld ? null : `${name} is to start, ${startsMs - of.nowMs} ms from now`;
}

/** Neither a mended world nor time frees these. */
const HELD_AT_START: ReadonlySet<string> = new Set(['awaiting-approval', 'plan-empty']);

function agentUnrest(agent: LightAgent): string | null {
  if (agent.isRemoved) return null;
  if (!agent.isLive) return 'it has no session';
  if (agent.upgrade.job !== null) return `it is ${agent.upgrade.step}`;
  return agent.outboxSize > 0 ? 'it has something to say' : null;
}

/** RO3, RO7: each member is over, and as its host says. */
async function disagreement(
  agents: readonly LightAgent[],
  coordinator: RealCoordinator,
  oracle: RolloutOracle,
): Promise<string | null> {
  for (const agent of agents) {
    if (agent.isRemoved) continue;
    const view = await coordinator.process?.raw.read('agentByName', agent.name);
    const row = view?.components.find(({ component }) => component === 'agent');
    const { committed } = agent.upgrade;
    if (row?.current_digest !== committed.digest)
      return `the coordinator believes that ${agent.name} runs ${row?.current_version}, it runs ${committed.version}`;
    for (const rollout of oracle.rollouts.values()) {
      const why = memberUnrest(rollout, agent);
      if (why !== null) return why;
    }
  }
  return null;
}

function memberUnrest(rollout: KnownRollout, agent: LightAgent): string | null {
  const member = rollout.members.get(agent.instanceId);
  if (member === undefined || BEFORE_START.has(rollout.state)) return null;
  const { state, command, isGone } = member;
  if (state === 'waiting' || state === 'upgrading')
    return `${agent.name} of ${rollout.name} is ${state}, and that is ${rollout.state}`;
  const isGiven = !rollout.wasRestored && command !== null && agent.upgrade.hasDone(command);
  // The way back is an order, too.
  // RO36: it came when nobody looked for that rollout any more, or by another one's order.
  return isGiven && state !== 'done' && state !== 'rolled-back' && !isGone
    ? `${agent.name} did it, and is ${state}`
    : null;
}
