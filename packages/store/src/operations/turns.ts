/* Whose turn it is: of a group as many at a time as it can spare, and of a rollout that stands nobody. */
import type { HoldReason } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import { isOnWayBack, isOverBudget } from '@moult/core/rollout';
import type { CommandTable } from '../database.ts';
import { IN_FLIGHT_STATES, KIND } from './command-rows.ts';
import type { ReadContext } from './context.ts';
import { unavailableMaxOf } from './groups.ts';
import type { InstanceRow } from './instances.ts';
import { ONE, prepared, upTo } from './prepared.ts';
import { countersOf, wavesOf } from './rollout/rows.ts';

export type InFlight = Pick<CommandTable, 'id' | 'created_ms' | 'has_place'>;

export async function otherInFlight(
  db: ReadContext,
  of: { readonly instance: InstanceRow; readonly command: CommandTable },
): Promise<InFlight | null> {
  const [found] = await otherAt(db, { id: of.command.id, instanceId: of.instance.id });
  return found ?? null;
}

const otherAt = prepared((db, of: { readonly id: string; readonly instanceId: string }) =>
  inFlightBeside(db, of.id).where('instance_id', '=', of.instanceId).limit(ONE),
);

/** RO2, RO31: nobody of a rollout that stands starts, or goes on to the switch; nor who comes late to one that has failed since. */
export async function rolloutHoldOf(
  db: ReadContext,
  commandId: string,
): Promise<HoldReason | null> {
  const [row] = await rolloutFor(db, { commandId });
  // RO35: who goes back does so while its rollout stands.
  if (row !== undefined && isOnWayBack(row.member_state)) return null;
  if (row?.state === 'paused') return 'rollout-paused';
  if (row?.state === 'halted') return 'rollout-halted';
  if (row?.state !== 'ended') return null;
  return isOverBudget(countersOf(row, await wavesOf(db, row.id))) ? 'rollout-failed' : null;
}

const rolloutFor = prepared((db, of: { readonly commandId: string }) =>
  db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .selectAll('rollouts')
    .select('rollout_members.state as member_state')
    .where('rollout_members.command_id', '=', of.commandId),
);

/** RO1: as many of a group and component at a time as it can spare, unless a person ordered it. */
export async function isTurnTaken(
  db: ReadContext,
  of: { readonly instance: InstanceRow; readonly command: CommandTable },
): Promise<boolean> {
  const { id, component } = of.command;
  const { id: instanceId, group_name: group } = of.instance;
  const unavailableMax = await unavailableMaxOf(db, group);
  const found = await othersIn(db, { id, component, instanceId, group, most: unavailableMax });
  return found.length >= unavailableMax;
}

/**
 * RO1: as many others of its group do not work. Two can have their orders at once: one whose answer was lost with its
 * session gave its turn away, and has its order all the same.
 */
export async function areEnoughDown(
  db: ReadContext,
  of: { readonly instance: InstanceRow; readonly command: CommandTable },
): Promise<boolean> {
  const { id, component } = of.command;
  const { id: instanceId, group_name: group } = of.instance;
  const most = await unavailableMaxOf(db, group);
  return (await othersDownIn(db, { id, component, instanceId, group, most })).length >= most;
}

const othersDownIn = prepared((db, of: Turn) =>
  db
    .selectFrom('commands')
    .innerJoin('attempts', (join) =>
      join
        .onRef('attempts.command_id', '=', 'commands.id')
        .onRef('attempts.attempt', '=', 'commands.attempt'),
    )
    .select('commands.id')
    .where('commands.state', 'in', IN_FLIGHT_STATES)
    .where(KIND, '=', 'autoUpgrade')
    .where('commands.group_name', '=', of.group)
    .where('commands.component', '=', of.component)
    .where('commands.instance_id', '<>', of.instanceId)
    .where('attempts.drained_ms', 'is not', null)
    // RO24: a soft one that has gone back to its host's work gave its place back.
    .where('commands.has_place', '=', 1)
    .limit(upTo(of.most)),
);

interface Turn {
  readonly id: string;
  readonly component: Component;
  readonly instanceId: string;
  readonly group: string;
  readonly most: number;
}

const othersIn = prepared((db, of: Turn) =>
  inFlightBeside(db, of.id)
    .where('has_place', '=', 1)
    .where('group_name', '=', of.group)
    .where('component', '=', of.component)
    .where('instance_id', '<>', of.instanceId)
    .limit(upTo(of.most)),
);

function inFlightBeside(db: ReadContext, commandId: string) {
  return db
    .selectFrom('commands')
    .select(['id', 'created_ms', 'has_place'])
    .where('state', 'in', IN_FLIGHT_STATES)
    .where(KIND, '=', 'autoUpgrade')
    .where('id', '<>', commandId);
}
