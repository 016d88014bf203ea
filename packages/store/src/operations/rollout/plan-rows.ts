/* A plan as it is stored: members in their waves, counters, and what there is to know before the start. */
import {
  differenceOf,
  type Plan,
  type PlanDifference,
  type PlannedMember,
  planOf,
  type RolloutSpec,
} from '@moult/core/rollout';
import type { RolloutMemberTable, RolloutTable } from '../../rollout-tables.ts';
import type { ReadContext, WriteContext } from '../context.ts';
import { noLauncherSelected } from '../host-facts.ts';
import { type CandidatesAsked, rolloutCandidates } from './candidates.ts';
import { addWave } from './rows.ts';

/** Rows of one statement: engines limit their parameters. */
const CHUNK = 200;

export type Asked = CandidatesAsked['agents'];

/** From what agents report now. Throws `no-launcher-selected` (H14). */
export async function planNow(
  db: ReadContext,
  of: { readonly spec: RolloutSpec; readonly agents: Asked },
): Promise<Plan> {
  const { spec, agents } = of;
  const candidates = await rolloutCandidates(db, { ...spec, agents });
  const hasNone = candidates.length > 0 && candidates.every(({ hasLauncher }) => !hasLauncher);
  if (spec.isLauncherNeeded && hasNone)
    throw noLauncherSelected(candidates.map(({ agentName }) => agentName));
  return planOf(spec, candidates);
}

/** Null: somebody would go. */
export function emptyPlanTrouble(plan: Plan, spec: RolloutSpec): string | null {
  if (plan.members.length > 0) return null;
  const { alreadyThere, cannot } = plan;
  return `nobody would be upgraded to ${spec.component} ${spec.version}: ${alreadyThere.length} run it already, ${cannot.length} cannot`;
}

/** What a rollout’s own row keeps of its plan. */
export function planColumns(
  plan: Plan,
  nowMs: number,
): Pick<RolloutTable, 'already_there' | 'cannot' | 'warnings' | 'planned_ms'> {
  return {
    already_there: plan.alreadyThere.length,
    cannot: JSON.stringify(
      plan.cannot.map(({ candidate, reason }) => ({ agent: candidate.agentName, reason })),
    ),
    warnings: JSON.stringify(plan.warnings),
    planned_ms: nowMs,
  };
}

export const NO_PLAN: Pick<RolloutTable, 'already_there' | 'cannot' | 'warnings' | 'planned_ms'> = {
  already_there: 0,
  cannot: '[]',
  warnings: '[]',
  planned_ms: null,
};

export function planDetail(plan: Plan): Readonly<Record<string, number>> {
  return {
    agents: plan.members.length,
    alreadyThere: plan.alreadyThere.length,
    cannot: plan.cannot.length,
  };
}

/** Of those that were planned, against a plan of now. */
export async function storedDifference(
  db: ReadContext,
  of: { readonly rolloutId: string; readonly plan: Plan },
): Promise<PlanDifference> {
  const rows = await db
    .selectFrom('rollout_members')
    .select(['instance_id as instanceId', 'agent_name as agentName'])
    .where('rollout_id', '=', of.rolloutId)
    .orderBy('place')
    .execute();
  return differenceOf(rows, of.plan);
}

export async function replacePlan(
  context: WriteContext,
  of: { readonly rolloutId: string; readonly plan: Plan },
): Promise<void> {
  await dropPlan(context, of.rolloutId);
  const { rolloutId, plan } = of;
  const members = plan.members.map((member) => waitingMember(rolloutId, member));
  await insertMembers(context, members);
}

/** One that has not had its turn. */
export function waitingMember(
  rolloutId: string,
  { candidate, wave, place }: PlannedMember,
): RolloutMemberTable {
  return {
    rollout_id: rolloutId,
    instance_id: candidate.instanceId,
    agent_name: candidate.agentName,
    group_name: candidate.group,
    wave,
    place,
    state: 'waiting',
    hold_reason: null,
    command_id: null,
    tries: 0,
    from_version: candidate.version,
    started_ms: null,
    ended_ms: null,
    code: null,
    message: null,
    failure: null,
    is_forgiven: 0,
    was_parked: 0,
  };
}

export async function dropPlan({ db }: WriteContext, rolloutId: string): Promise<void> {
  await db.deleteFrom('rollout_members').where('rollout_id', '=', rolloutId).execute();
  await db.deleteFrom('rollout_waves').where('rollout_id', '=', rolloutId).execute();
}

/** All of one rollout, waiting, with the counters of their waves. */
export async function insertMembers(
  context: WriteContext,
  members: readonly RolloutMemberTable[],
): Promise<void> {
  for (let from = 0; from < members.length; from += CHUNK) {
    await context.db
      .insertInto('rollout_members')
      .values(members.slice(from, from + CHUNK))
      .execute();
  }
  const waiting = new Map<number, number>();
  for (const { wave } of members) waiting.set(wave, (waiting.get(wave) ?? 0) + 1);
  const rolloutId = members[0]?.rollout_id;
  if (rolloutId === undefined) return;
  for (let wave = 0; wave <= Math.max(...waiting.keys()); wave++)
    await addWave(context, { rolloutId, wave, waiting: waiting.get(wave) ?? 0 });
}
