/* What reports of a rollout add up: of all its agents, in one query each, however many there are. */
import { type MemberState, type MembersAlike, NAMED_MAX, UNFINISHED } from '@moult/core/rollout';
import { sql } from 'kysely';
import type { AttemptTable, CommandTable } from '../../database.ts';
import type { RolloutMemberTable } from '../../rollout-tables.ts';
import type { ReadContext } from '../context.ts';
import type { HistoryRow } from '../history.ts';

/** Those that have not finished, alike ones together. */
export async function unfinishedMembers(
  db: ReadContext,
  rolloutId: string,
): Promise<readonly MembersAlike[]> {
  const members = db
    .selectFrom('rollout_members as member')
    .leftJoin('commands', 'commands.id', 'member.command_id')
    .leftJoin('instances', 'instances.id', 'member.instance_id')
    .select(['member.state', 'member.wave', 'member.place', 'member.agent_name'])
    .select(['member.command_id', 'member.code', 'member.message', 'member.failure'])
    .select('instances.platform')
    .select(({ fn }) =>
      fn
        .coalesce('member.hold_reason', 'commands.hold_reason', 'commands.host_hold_reason')
        .as('reason'),
    )
    .where('member.rollout_id', '=', rolloutId)
    .where('member.state', 'in', [...UNFINISHED])
    .as('member');
  const numbered = db
    .selectFrom(members)
    .selectAll()
    .select([
      sql<number>`count(*) OVER (PARTITION BY state, wave, reason, code, failure)`.as('alike'),
      sql<number>`row_number() OVER (PARTITION BY state, wave, reason, code, failure ORDER BY place)`.as(
        'nth',
      ),
    ])
    .as('numbered');
  const rows = await db
    .selectFrom(numbered)
    .selectAll()
    .where('nth', '<=', NAMED_MAX)
    .orderBy('place')
    .execute();
  const groups = new Map<string, MembersAlike>();
  for (const row of rows) {
    const { state, wave, reason, code, failure } = row;
    const key = JSON.stringify([state, wave, reason, code, failure]);
    const one = {
      agent: row.agent_name,
      platform: row.platform ?? '',
      commandId: row.command_id,
      message: row.message,
    };
    const count = Number(row.alike);
    const some = [...(groups.get(key)?.some ?? []), one];
    groups.set(key, { state, wave, holdReason: reason, code, failure, count, some });
  }
  return [...groups.values()];
}

export interface RolloutTotals {
  readonly members: readonly {
    readonly group: string;
    readonly platform: string;
    readonly state: MemberState;
    readonly agents: number;
  }[];
  /** Commands that were given. */
  readonly commands: number;
  readonly bytesFetched: number;
}

export async function rolloutTotals(db: ReadContext, rolloutId: string): Promise<RolloutTotals> {
  const members = await db
    .selectFrom('rollout_members')
    .leftJoin('instances', 'instances.id', 'rollout_members.instance_id')
    .select(['group_name', 'platform', 'rollout_members.state'])
    .select(({ fn }) => fn.countAll<number>().as('agents'))
    .where('rollout_id', '=', rolloutId)
    .groupBy(['group_name', 'platform', 'rollout_members.state'])
    .orderBy('group_name')
    .orderBy('platform')
    .execute();
  const { commands } = await db
    .selectFrom('commands')
    .select(({ fn }) => fn.countAll<number>().as('commands'))
    .where('rollout_id', '=', rolloutId)
    .executeTakeFirstOrThrow();
  const { bytes } = await db
    .selectFrom('attempts')
    .innerJoin('commands', 'commands.id', 'attempts.command_id')
    .select(({ fn }) => fn.sum<number | null>('bytes_fetched').as('bytes'))
    .where('commands.rollout_id', '=', rolloutId)
    .executeTakeFirstOrThrow();
  return {
    members: members.map((row) => ({
      ...{ group: row.group_name, platform: row.platform ?? '', state: row.state },
      agents: Number(row.agents),
    })),
    commands: Number(commands),
    bytesFetched: Number(bytes ?? 0),
  };
}

export type RolloutCommandView = Pick<
  CommandTable,
  | 'id'
  | 'agent_name'
  | 'version'
  | 'state'
  | 'outcome'
  | 'code'
  | 'message'
  | 'created_ms'
  | 'created_by'
  | 'ended_ms'
> &
  Pick<RolloutMemberTable, 'group_name' | 'wave' | 'place'> & {
    readonly platform: string | null;
    /** Of its last attempt; null: its host has begun none. */
    readonly attempt: Pick<
      AttemptTable,
      | 'attempt'
      | 'from_version'
      | 'started_ms'
      | 'bytes_fetched'
      | 'switched_ms'
      | 'drained_ms'
      | 'attested_ms'
    > | null;
  };

/** Each command that it has given, oldest first: of an agent that was tried again several. */
export async function rolloutCommands(
  db: ReadContext,
  page: {
    readonly rolloutId: string;
    readonly agent: string | null;
    /** Ids after this one; null: from the first. */
    readonly after: string | null;
    readonly limit: number;
  },
): Promise<readonly RolloutCommandView[]> {
  let query = db
    .selectFrom('commands')
    .innerJoin('rollout_members as member', (join) =>
      join
        .onRef('member.rollout_id', '=', 'commands.rollout_id')
        .onRef('member.instance_id', '=', 'commands.instance_id'),
    )
    .leftJoin('instances', 'instances.id', 'commands.instance_id')
    .leftJoin('attempts', (join) =>
      join
        .onRef('attempts.command_id', '=', 'commands.id')
        .onRef('attempts.attempt', '=', 'commands.attempt'),
    )
    .select(['commands.id', 'commands.agent_name', 'commands.version', 'commands.state'])
    .select(['commands.outcome', 'commands.code', 'commands.message', 'commands.ended_ms'])
    .select(['commands.created_ms', 'commands.created_by', 'instances.platform'])
    .select(['member.group_name', 'member.wave', 'member.place'])
    .select(['attempts.attempt', 'attempts.from_version', 'attempts.started_ms'])
    .select(['attempts.bytes_fetched', 'attempts.switched_ms', 'attempts.drained_ms'])
    .select('attempts.attested_ms')
    .where('commands.rollout_id', '=', page.rolloutId)
    .orderBy('commands.id')
    .limit(page.limit);
  if (page.agent !== null) query = query.where('commands.agent_name', '=', page.agent);
  if (page.after !== null) query = query.where('commands.id', '>', page.after);
  const rows = await query.execute();
  return rows.map(({ attempt, started_ms, bytes_fetched, ...row }) => ({
    ...row,
    attempt:
      attempt === null || started_ms === null || bytes_fetched === null
        ? null
        : { ...row, attempt, started_ms, bytes_fetched },
  }));
}

/** What people, and the coordinator, did with the rollout itself and with single agents of it: newest first. */
export async function rolloutActs(
  db: ReadContext,
  of: { readonly rolloutId: string; readonly limit: number },
): Promise<readonly HistoryRow[]> {
  return db
    .selectFrom('history')
    .selectAll()
    .where('rollout_id', '=', of.rolloutId)
    .where('command_id', 'is', null)
    .orderBy('position', 'desc')
    .limit(of.limit)
    .execute();
}
