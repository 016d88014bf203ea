/* Whose turn it is: of a group as many at a time as it can spare, and of a rollout that stands nobody. */
import type { HoldReason } from '@moult/core/command';
import { isOverBudget } from '@moult/core/rollout';
import type { CommandTable } from '../database.ts';
import { IN_FLIGHT_STATES, KIND } from './command-rows.ts';
import type { ReadContext } from './context.ts';
import { unavailableMaxOf } from './groups.ts';
import type { InstanceRow } from './instances.ts';
import { statusOf, wavesOf } from './rollout-rows.ts';

export type InFlight = Pick<CommandTable, 'id' | 'created_ms'>;

export async function otherInFlight(
  db: ReadContext,
  of: { readonly instance: InstanceRow; readonly command: CommandTable },
): Promise<InFlight | null> {
  const found = await inFlightBeside(db, of.command)
    .where('instance_id', '=', of.instance.id)
    .executeTakeFirst();
  return found ?? null;
}

/** RO2, RO31: nobody of a rollout that stands starts, or goes on to the switch; nor who comes late to one that has failed since. */
export async function rolloutHoldOf(
  db: ReadContext,
  commandId: string,
): Promise<HoldReason | null> {
  const row = await db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .selectAll('rollouts')
    .where('rollout_members.command_id', '=', commandId)
    .executeTakeFirst();
  if (row?.state === 'paused') return 'rollout-paused';
  if (row?.state === 'halted') return 'rollout-halted';
  if (row?.state !== 'ended') return null;
  return isOverBudget(statusOf(row, await wavesOf(db, row.id))) ? 'rollout-failed' : null;
}

/** RO1: as many of a group and component at a time as it can spare, unless a person ordered it. */
export async function isTurnTaken(
  db: ReadContext,
  of: { readonly instance: InstanceRow; readonly command: CommandTable },
): Promise<boolean> {
  const { group_name: group } = of.instance;
  const unavailableMax = await unavailableMaxOf(db, group);
  const found = await inFlightBeside(db, of.command, unavailableMax)
    .where('group_name', '=', group)
    .where('component', '=', of.command.component)
    .where('instance_id', '<>', of.instance.id)
    .execute();
  return found.length >= unavailableMax;
}

function inFlightBeside(db: ReadContext, command: CommandTable, limit = 1) {
  return db
    .selectFrom('commands')
    .select(['id', 'created_ms'])
    .where('state', 'in', IN_FLIGHT_STATES)
    .where(KIND, '=', 'autoUpgrade')
    .where('id', '<>', command.id)
    .limit(limit);
}
