/* RO8: an agent is in one rollout of a component at a time. */
import type { Component } from '@moult/core/component';
import { ACTIVE_STATES, UNSETTLED } from '@moult/core/rollout';
import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../../database.ts';
import type { ReadContext } from '../context.ts';

/** An active one has to do with that agent. */
export async function isClaimed(
  db: ReadContext,
  of: { readonly instanceId: string; readonly component: Component },
): Promise<boolean> {
  const claim = await claimed(db, of.component)
    .select('rollouts.id')
    .where('rollout_members.instance_id', '=', of.instanceId)
    .limit(1)
    .executeTakeFirst();
  return claim !== undefined;
}

/** Members of active rollouts that these have still to do with. */
export function claimed(
  db: ReadContext,
  component: Component,
): SelectQueryBuilder<Database, 'rollout_members' | 'rollouts', object> {
  return db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .where('rollout_members.state', 'in', UNSETTLED)
    .where('rollouts.component', '=', component)
    .where('rollouts.state', 'in', ACTIVE_STATES);
}
