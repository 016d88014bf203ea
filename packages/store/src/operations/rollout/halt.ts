/* Halting a rollout, and what follows from it for those that it has upgraded (R8). */
import { readSpec } from '@moult/core/rollout';
import { sql } from 'kysely';
import type { RolloutMemberTable, RolloutTable } from '../../rollout-tables.ts';
import type { WriteContext } from '../context.ts';
import { moveMember, moveRollout, rolloutOf } from './rows.ts';

export async function haltRollout(
  context: WriteContext,
  row: RolloutTable,
  of: { readonly nowMs: number; readonly why: string },
): Promise<RolloutTable> {
  const after = await moveRollout(context, row, { event: 'failures-exceeded', ...of });
  if (sendsBack(after)) await sendAllBack(context, after);
  return after;
}

/** RO35: all that it has upgraded, where that was asked for. */
function sendsBack(row: RolloutTable): boolean {
  return row.state === 'halted' && readSpec(row.spec)?.rollBack === 'all';
}

/** RO35: one that is done once its rollout is halted goes the way of those before it. */
export async function moveToDone(
  context: WriteContext,
  member: RolloutMemberTable,
  to: { readonly nowMs: number; readonly set: Partial<RolloutMemberTable> },
): Promise<void> {
  const done = await moveMember(context, member, { ...to, state: 'done' });
  if (sendsBack(await rolloutOf(context.db, member.rollout_id)))
    await moveMember(context, done, { state: 'to-roll-back', nowMs: to.nowMs });
}

async function sendAllBack(context: WriteContext, row: RolloutTable): Promise<void> {
  const { numUpdatedRows } = await context.db
    .updateTable('rollout_members')
    .set({ state: 'to-roll-back', ended_ms: null, hold_reason: null })
    .where('rollout_id', '=', row.id)
    .where('state', '=', 'done')
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return;
  await context.db
    .updateTable('rollout_waves')
    .set({ to_roll_back: sql<number>`to_roll_back + done`, done: 0 })
    .where('rollout_id', '=', row.id)
    .execute();
}

/** RO35: a person goes on with the version: those that had not failed, and have not begun to go back, keep it. */
export async function keepThose(
  context: WriteContext,
  of: { readonly row: RolloutTable; readonly nowMs: number },
): Promise<void> {
  const { row, nowMs } = of;
  const kept = await context.db
    .updateTable('rollout_members')
    // RO36: what they lost before, the person has seen.
    .set({ state: 'done', ended_ms: nowMs })
    .where('rollout_id', '=', row.id)
    .where('state', '=', 'to-roll-back')
    .where('failure', 'is', null)
    .where('hold_reason', 'is', null)
    .returning('wave')
    .execute();
  const counts = new Map<number, number>();
  for (const { wave } of kept) counts.set(wave, (counts.get(wave) ?? 0) + 1);
  for (const [wave, count] of counts) {
    await context.db
      .updateTable('rollout_waves')
      .set({
        to_roll_back: sql<number>`to_roll_back - ${count}`,
        done: sql<number>`done + ${count}`,
      })
      .where('rollout_id', '=', row.id)
      .where('wave', '=', wave)
      .execute();
  }
}
