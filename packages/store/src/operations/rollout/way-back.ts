/*
 * R8: what fails after its commit, and how it goes back. Who is done is judged while its rollout is active (RO35); who is to go
 * back has its turn as anybody has (RO1), also while the rollout stands.
 */
import {
  ACTIVE_STATES,
  afterCommitOf,
  type DoneFacts,
  FAILED_AFTER,
  GONE,
  NO_WAY_BACK,
  readSpec,
  stateAfterFailure,
  wayBackOf,
} from '@moult/core/rollout';
import type { Version } from '@moult/core/versions';
import { type RawBuilder, sql } from 'kysely';
import type { RolloutMemberTable, RolloutTable } from '../../rollout-tables.ts';
import { IN_FLIGHT_STATES, KIND } from '../command-rows.ts';
import { componentRow } from '../component-rows.ts';
import type { ReadContext, WriteContext } from '../context.ts';
import { instanceById } from '../instances.ts';
import { isPublished } from '../releases.ts';
import { moveToDone } from './halt.ts';
import { failWayBack } from './members.ts';
import { orderVersion } from './orders.ts';
import { roomIn } from './rooms.ts';
import { moveMember, rolloutOf } from './rows.ts';

/** In one transaction: others want to write, too. */
const ORDERS_MAX = 64;

/** Those that it has upgraded and that are looked at still, or are gone and may come back. */
function watched(db: ReadContext) {
  return db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .where('rollouts.state', 'in', ACTIVE_STATES)
    .where(({ or, and, eb }) =>
      or([
        eb('rollout_members.state', '=', 'done'),
        and([eb('rollout_members.state', '=', 'failed'), eb('rollout_members.code', '=', GONE)]),
      ]),
    );
}

export interface DoneMember extends Omit<DoneFacts, 'awayMs' | 'lossesMs'> {
  readonly rolloutId: string;
  readonly instanceId: string;
  /** False: it counts as gone. */
  readonly isDone: boolean;
  readonly endedMs: number;
  readonly lastSeenMs: number;
}

function doneMembersAmong(db: ReadContext) {
  return (
    watched(db)
      .innerJoin('instances', 'instances.id', 'rollout_members.instance_id')
      // Who was given another version since, or none yet (P5), is no matter of this rollout.
      .innerJoin('instance_components as own', (join) =>
        join
          .onRef('own.instance_id', '=', 'rollout_members.instance_id')
          .onRef('own.component', '=', 'rollouts.component')
          .onRef('own.given_version', '=', 'rollouts.version'),
      )
      .select([
        'rollout_members.rollout_id',
        'rollout_members.instance_id',
        'rollout_members.state as member_state',
        'rollout_members.ended_ms',
        'rollouts.component',
        'rollouts.version',
        'own.attested_version',
        'instances.state',
        'instances.last_seen_ms',
        orderedSince().as('ordered_since'),
      ])
  );
}

/** As JSON. Most are as they were given, and nothing is looked for. */
function orderedSince(): RawBuilder<string> {
  const states = sql.join([...IN_FLIGHT_STATES, 'failed', 'expired']);
  return sql`CASE WHEN own.attested_version <> rollouts.version OR instances.state = 'Upgrade Failed' THEN (
    SELECT json_group_array(commands.version) FROM commands
    WHERE commands.instance_id = rollout_members.instance_id AND ${KIND} = 'autoUpgrade'
      AND commands.component = rollouts.component
      AND commands.position > (SELECT given.position FROM commands AS given WHERE given.id = rollout_members.command_id)
      AND commands.state IN (${states})
  ) ELSE '[]' END`;
}

type DoneRow = Awaited<ReturnType<ReturnType<typeof doneMembersAmong>['execute']>>[number];

function doneMemberOf(row: DoneRow): DoneMember {
  return {
    rolloutId: row.rollout_id,
    instanceId: row.instance_id,
    isDone: row.member_state === 'done',
    endedMs: row.ended_ms ?? 0,
    component: row.component,
    given: row.version,
    shown: row.attested_version,
    orderedSince: JSON.parse(row.ordered_since) as readonly Version[],
    state: row.state,
    lastSeenMs: row.last_seen_ms ?? 0,
  };
}

/** Of active rollouts. */
export async function doneMembers(db: ReadContext, _: null): Promise<readonly DoneMember[]> {
  return (await doneMembersAmong(db).execute()).map(doneMemberOf);
}

export interface JudgingDone {
  readonly rolloutId: string;
  readonly instanceId: string;
  /** Null: it is there. */
  readonly awaySinceMs: number | null;
  readonly lossesMs: readonly number[];
  readonly nowMs: number;
}

/** RO36: level-triggered; what is as it was changes nothing. */
export async function judgeDone(context: WriteContext, args: JudgingDone): Promise<void> {
  const { rolloutId, instanceId, awaySinceMs, lossesMs, nowMs } = args;
  const row = await doneMembersAmong(context.db)
    .where('rollout_members.rollout_id', '=', rolloutId)
    .where('rollout_members.instance_id', '=', instanceId)
    .executeTakeFirst();
  if (row === undefined) return;
  const done = doneMemberOf(row);
  const awayMs = awaySinceMs === null ? null : nowMs - awaySinceMs;
  const verdict = afterCommitOf({ ...done, awayMs, lossesMs }, nowMs);
  const isAsBefore = verdict.kind === (done.isDone ? 'good' : 'gone');
  if (isAsBefore) return;
  const member = await memberOf(context.db, args);
  if (verdict.kind === 'good') {
    const set = { code: null, message: null, failure: null };
    await moveToDone(context, member, { nowMs, set });
    return;
  }
  const spec = readSpec((await rolloutOf(context.db, rolloutId)).spec);
  const failure = { kind: 'after-commit', from: member.from_version } as const;
  const isGone = verdict.kind === 'gone';
  const state = isGone || spec === null ? 'failed' : stateAfterFailure(spec, failure);
  const code = isGone ? GONE : FAILED_AFTER;
  const set = { code, message: verdict.message, failure: failure.kind };
  await moveMember(context, member, { state, nowMs, set });
}

async function memberOf(
  db: ReadContext,
  of: { readonly rolloutId: string; readonly instanceId: string },
): Promise<RolloutMemberTable> {
  return await db
    .selectFrom('rollout_members')
    .selectAll()
    .where('rollout_id', '=', of.rolloutId)
    .where('instance_id', '=', of.instanceId)
    .executeTakeFirstOrThrow();
}

export interface RolledBack {
  /** Instances that have a command to be sent now. */
  readonly issued: readonly string[];
  /** More could be issued at once. */
  readonly isMore: boolean;
}

/** RO1, RO35: of each group as many as it can spare. */
export async function rollBackSome(
  context: WriteContext,
  of: {
    readonly row: RolloutTable;
    readonly nowMs: number;
  },
): Promise<RolledBack> {
  const { row, nowMs } = of;
  const members = await context.db
    .selectFrom('rollout_members')
    .selectAll()
    .where('rollout_id', '=', row.id)
    .where('state', '=', 'to-roll-back')
    // One that is held has its command.
    .where('hold_reason', 'is', null)
    .orderBy('place')
    .execute();
  const issued: string[] = [];
  const rooms = new Map<string, number>();
  for (const member of members) {
    if (issued.length === ORDERS_MAX) break;
    const { group_name: group } = member;
    const free =
      rooms.get(group) ?? (await roomIn(context.db, { group, component: row.component }));
    rooms.set(group, free);
    if (free === 0) continue;
    if (!(await orderBack(context, { row, member, nowMs }))) continue;
    rooms.set(group, free - 1);
    issued.push(member.instance_id);
  }
  return { issued, isMore: issued.length >= ORDERS_MAX };
}

/** False: there is nothing to order. */
async function orderBack(
  context: WriteContext,
  of: { readonly row: RolloutTable; readonly member: RolloutMemberTable; readonly nowMs: number },
): Promise<boolean> {
  const { row, member, nowMs } = of;
  const { component } = row;
  const instance = await instanceById(context.db, member.instance_id);
  if (instance === null || instance.role === 'removed') {
    const set = { message: 'it was removed' };
    await moveMember(context, member, { state: 'skipped', nowMs, set });
    return false;
  }
  const spec = readSpec(row.spec);
  const version = spec === null ? null : wayBackOf(spec, { from: member.from_version });
  const current = await componentRow(context.db, { instanceId: instance.id, component });
  if (version !== null && current?.current_version === version) {
    await moveMember(context, member, { state: 'rolled-back', nowMs });
    return false;
  }
  if (version === null || !(await isPublished(context.db, { component, version }))) {
    const message =
      version === null
        ? 'nobody knows what it ran before'
        : `${component} ${version} is not published any more`;
    await failWayBack(context, { member, nowMs, code: NO_WAY_BACK, message });
    return false;
  }
  const tries = member.tries + 1;
  const order = { row, instance, tries, version, isRevert: true, nowMs };
  const command = await orderVersion(context, order);
  const set = { command_id: command.id, tries };
  await moveMember(context, member, { state: 'rolling-back', nowMs, set });
  return true;
}
