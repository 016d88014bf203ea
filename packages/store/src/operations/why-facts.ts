/* What explains why something waits, beyond what is read anyway (R23). */
import { type RepairVerdict, repairVerdict } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import { ACTIVE_STATES, isFailure, MEMBER_STATES, type MemberState } from '@moult/core/rollout';
import type { CommandTable } from '../database.ts';
import { IN_FLIGHT_STATES, KIND, OPEN_STATES } from './command-rows.ts';
import type { ReadContext } from './context.ts';
import { prepared } from './prepared.ts';
import { type Repairing, repairFactsOf } from './repair.ts';

/** Of many instances, oldest first; at most 1,000 ids at a time. */
export async function openCommandsOfAll(
  db: ReadContext,
  instanceIds: readonly string[],
): Promise<readonly CommandTable[]> {
  if (instanceIds.length === 0) return [];
  return db
    .selectFrom('commands')
    .selectAll()
    .where('instance_id', 'in', [...instanceIds])
    .where('state', 'in', OPEN_STATES)
    .orderBy('position')
    .execute();
}

const newestUpgrade = prepared(
  (
    db,
    of: { readonly instanceId: string; readonly component: Component; readonly version: string },
  ) =>
    db
      .selectFrom('commands')
      .selectAll()
      .where('instance_id', '=', of.instanceId)
      .where('kind', '=', 'autoUpgrade')
      .where('component', '=', of.component)
      .where('version', '=', of.version)
      .orderBy('position', 'desc')
      .limit(1),
);

/** The newest that was to bring it to this version; null: none was. */
export async function lastUpgradeTo(
  db: ReadContext,
  of: { readonly instanceId: string; readonly component: Component; readonly version: string },
): Promise<CommandTable | null> {
  return (await newestUpgrade(db, of))[0] ?? null;
}

export interface RolloutPlace {
  readonly rolloutId: string;
  readonly state: MemberState;
  readonly wave: number;
  readonly holdReason: string | null;
}

/** In the newest rollout that was to bring it to this version; null: it is in none. */
export async function rolloutPlaceOf(
  db: ReadContext,
  of: { readonly instanceId: string; readonly component: Component; readonly version: string },
): Promise<RolloutPlace | null> {
  const row = await db
    .selectFrom('rollout_members as member')
    .innerJoin('rollouts', 'rollouts.id', 'member.rollout_id')
    .select([
      'member.rollout_id as rolloutId',
      'member.state',
      'member.wave',
      'member.hold_reason as holdReason',
    ])
    .where('member.instance_id', '=', of.instanceId)
    .where('rollouts.component', '=', of.component)
    .where('rollouts.version', '=', of.version)
    .orderBy('rollouts.id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

export interface FailedMember {
  readonly instanceId: string;
  readonly component: Component;
  readonly rollout: string;
  readonly version: string;
  readonly state: MemberState;
  readonly failure: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly commandId: string | null;
}

/** In rollouts that are not over, the newest first; at most 1,000 ids at a time. */
export async function failedMembersAmong(
  db: ReadContext,
  instanceIds: readonly string[],
): Promise<readonly FailedMember[]> {
  if (instanceIds.length === 0) return [];
  return (
    db
      .selectFrom('rollout_members as member')
      .innerJoin('rollouts', 'rollouts.id', 'member.rollout_id')
      .select(['member.instance_id as instanceId', 'member.state', 'member.failure', 'member.code'])
      .select(['member.message', 'member.command_id as commandId'])
      .select(['rollouts.component', 'rollouts.name as rollout', 'rollouts.version'])
      .where('member.instance_id', 'in', [...instanceIds])
      .where('member.state', 'in', FAILED_STATES)
      // Who went back with the others had not failed.
      .where('member.failure', 'is not', null)
      .where('rollouts.state', 'in', ACTIVE_STATES)
      .orderBy('rollouts.id', 'desc')
      .execute()
  );
}

const FAILED_STATES = MEMBER_STATES.filter(isFailure);

export type TurnHolder = Pick<
  CommandTable,
  'id' | 'instance_id' | 'agent_name' | 'state' | 'sent_ms' | 'created_ms'
> & { readonly last_seen_ms: number | null };

/** Of those in flight in a group the one that has been so for the longest; null: none is. */
export async function turnHolder(
  db: ReadContext,
  of: { readonly group: string; readonly component: Component },
): Promise<TurnHolder | null> {
  const row = await db
    .selectFrom('commands')
    .innerJoin('instances', 'instances.id', 'commands.instance_id')
    .select([
      'commands.id',
      'commands.instance_id',
      'commands.agent_name',
      'commands.state',
      'commands.sent_ms',
      'commands.created_ms',
      'instances.last_seen_ms',
    ])
    .where('commands.group_name', '=', of.group)
    .where('commands.component', '=', of.component)
    .where(KIND, '=', 'autoUpgrade')
    .where('commands.state', 'in', IN_FLIGHT_STATES)
    .orderBy('commands.sent_ms')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}

/** For an instance whose last finished order still says what is desired. */
export async function repairVerdictOf(db: ReadContext, of: Repairing): Promise<RepairVerdict> {
  return repairVerdict(await repairFactsOf(db, of));
}
