/* What reports of a rollout add up: of all its agents, in one query each, however many there are. */
import { type MembersAlike, NAMED_MAX, UNFINISHED } from '@moult/core/rollout';
import { sql } from 'kysely';
import type { ReadContext } from './context.ts';

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
    .select(['member.command_id', 'member.code', 'member.message', 'instances.platform'])
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
      sql<number>`count(*) OVER (PARTITION BY state, wave, reason, code)`.as('alike'),
      sql<number>`row_number() OVER (PARTITION BY state, wave, reason, code ORDER BY place)`.as(
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
    const { state, wave, reason, code } = row;
    const key = JSON.stringify([state, wave, reason, code]);
    const one = {
      agent: row.agent_name,
      platform: row.platform ?? '',
      commandId: row.command_id,
      message: row.message,
    };
    const some = [...(groups.get(key)?.some ?? []), one];
    groups.set(key, { state, wave, holdReason: reason, code, count: Number(row.alike), some });
  }
  return [...groups.values()];
}
