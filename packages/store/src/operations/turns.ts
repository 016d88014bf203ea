/* Whose turn it is: of a group as many at a time as it can spare, and of a rollout that stands nobody. */
import type { HoldReason } from '@moult/core/command';
import type { CommandTable } from '../database.ts';
import { IN_FLIGHT_STATES, KIND } from './command-rows.ts';
import type { ReadContext } from './context.ts';
import { unavailableMaxOf } from './groups.ts';
import type { InstanceRow } from './instances.ts';

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

/** RO2: nobody of a rollout that was paused or halted starts, or goes on to the switch. */
export async function rolloutHoldOf(
  db: ReadContext,
  commandId: string,
): Promise<HoldReason | null> {
  const row = await db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .select('rollouts.state')
    .where('rollout_members.command_id', '=', commandId)
    .executeTakeFirst();
  if (row?.state === 'paused') return 'rollout-paused';
  return row?.state === 'halted' ? 'rollout-halted' : null;
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
