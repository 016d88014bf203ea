/* RO21: agents that match the selector of a rollout after its start (P3). Who matches is the caller's to find: presence is in no table. */
import {
  ACTIVE_STATES,
  byPriority,
  lateStandingOf,
  lateWaveOf,
  type RolloutSpec,
  readSpec,
} from '@moult/core/rollout';
import type { RolloutTable } from '../../rollout-tables.ts';
import { COORDINATOR, type ReadContext, type WriteContext } from '../context.ts';
import { addHistory } from '../history.ts';
import { instanceById } from '../instances.ts';
import { rolloutCandidates } from './candidates.ts';
import { isClaimed } from './claims.ts';
import { waitingMember } from './plan-rows.ts';
import { addWave, wavesOf } from './rows.ts';

export interface OpenRollout {
  readonly id: string;
  readonly selector: string;
}

/** Active ones that take late joiners, in the order in which an agent is offered to them. */
export async function openToJoiners(db: ReadContext, _: null): Promise<readonly OpenRollout[]> {
  const rows = await db
    .selectFrom('rollouts')
    .select(['id', 'selector', 'spec'])
    .where('state', 'in', ACTIVE_STATES)
    .where('selector', 'is not', null)
    .execute();
  return rows
    .filter(({ spec }) => readSpec(spec)?.takesLateJoiners === true)
    .sort(byPriority)
    .map(({ id, selector }) => ({ id, selector: selector ?? '' }));
}

/** Those of the instances that the rollout has nothing to do with, and never had. At most 1,000 at a time. */
export async function strangersTo(
  db: ReadContext,
  of: { readonly rollout: string; readonly instanceIds: readonly string[] },
): Promise<readonly string[]> {
  if (of.instanceIds.length === 0) return [];
  const rows = await db
    .selectFrom('rollout_members')
    .select('instance_id')
    .where('rollout_id', '=', of.rollout)
    .where('instance_id', 'in', [...of.instanceIds])
    .execute();
  const members = new Set(rows.map((row) => row.instance_id));
  return of.instanceIds.filter((id) => !members.has(id));
}

/**
 * Takes an agent that matches along, in the last wave. False: it is in the rollout already, or cannot be, or need not be;
 * asking again changes nothing twice.
 */
export async function joinRollout(
  context: WriteContext,
  of: {
    readonly rollout: string;
    readonly instanceId: string;
    readonly isConnected: boolean;
    readonly nowMs: number;
  },
): Promise<boolean> {
  const { instanceId, isConnected, nowMs } = of;
  const row = await context.db
    .selectFrom('rollouts')
    .selectAll()
    .where('id', '=', of.rollout)
    .where('state', 'in', ACTIVE_STATES)
    .executeTakeFirst();
  const spec = row === undefined ? null : readSpec(row.spec);
  if (row === undefined || spec === null || !spec.takesLateJoiners) return false;
  return await addLateMember(context, { row, spec, instanceId, isConnected, nowMs });
}

/** False: it is in the rollout already, or in another one, or cannot be, or need not be. */
export async function addLateMember(
  context: WriteContext,
  of: {
    readonly row: RolloutTable;
    readonly spec: RolloutSpec;
    readonly instanceId: string;
    readonly isConnected: boolean;
    readonly nowMs: number;
  },
): Promise<boolean> {
  const { row, spec, instanceId, isConnected, nowMs } = of;
  const instance = await instanceById(context.db, instanceId);
  if (instance === null || instance.role !== 'active') return false;
  if (instance.validated_ms === null || instance.quarantined_ms !== null) return false;
  if (await isClaimed(context.db, { instanceId, component: row.component })) return false;
  if (await wasInFamily(context.db, row, instanceId)) return false;
  const agents = [{ instanceId, isConnected }];
  const [candidate] = await rolloutCandidates(context.db, { ...spec, agents });
  if (candidate === undefined || lateStandingOf(candidate, spec) !== 'goes') return false;
  const wave = await lastWave(context, { row, spec });
  await context.db
    .insertInto('rollout_members')
    .values(waitingMember(row.id, { candidate, wave, place: await nextPlace(context.db, row.id) }))
    .execute();
  await context.db
    .updateTable('rollout_waves')
    .set(({ eb }) => ({ waiting: eb('waiting', '+', 1) }))
    .where('rollout_id', '=', row.id)
    .where('wave', '=', wave)
    .execute();
  await addHistory(context, {
    nowMs,
    kind: 'rollout-joined',
    rolloutId: row.id,
    agentName: candidate.agentName,
    instanceId,
    component: row.component,
    principal: COORDINATOR,
    detail: { rollout: row.name, version: row.version, wave: wave + 1 },
  });
  return true;
}

/** Who was in it, or in a sibling, was planned: it came to nothing there, or has its end. */
async function wasInFamily(
  db: ReadContext,
  row: RolloutTable,
  instanceId: string,
): Promise<boolean> {
  const family = row.split_of ?? row.id;
  const had = await db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .select('rollouts.id')
    .where('rollout_members.instance_id', '=', instanceId)
    .where(({ or, eb }) =>
      or([eb('rollouts.id', 'in', [row.id, family]), eb('rollouts.split_of', '=', family)]),
    )
    .limit(1)
    .executeTakeFirst();
  return had !== undefined;
}

/** Made where the plan had fewer waves than were asked for. */
async function lastWave(
  context: WriteContext,
  { row, spec }: { readonly row: RolloutTable; readonly spec: RolloutSpec },
): Promise<number> {
  const waves = await wavesOf(context.db, row.id);
  const wave = lateWaveOf(spec, waves.length);
  if (wave >= waves.length) await addWave(context, { rolloutId: row.id, wave, waiting: 0 });
  return wave;
}

async function nextPlace(db: ReadContext, rolloutId: string): Promise<number> {
  const last = await db
    .selectFrom('rollout_members')
    .select('place')
    .where('rollout_id', '=', rolloutId)
    .orderBy('place', 'desc')
    .limit(1)
    .executeTakeFirst();
  return (last?.place ?? -1) + 1;
}
