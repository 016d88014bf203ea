/* Rollouts as they are shown. */
import {
  byPriority,
  type FailureKind,
  isFailureKind,
  type MemberState,
  type RolloutState,
  sumOf,
} from '@moult/core/rollout';
import type { RolloutMemberTable, RolloutTable, RolloutWaveTable } from '../../rollout-tables.ts';
import type { ReadContext } from '../context.ts';
import { countsOf, rolloutOf, wavesOf } from './rows.ts';
import { needsSecondPrincipal } from './second-principal.ts';

/** Those on their way back have failed, most of them. */
const FAILED_STATES = ['failed', 'rolled-back', 'to-roll-back', 'rolling-back'] as const;

export interface RolloutView {
  readonly row: RolloutTable;
  readonly waves: readonly RolloutWaveTable[];
  /** Of those that have failed: how many in which way, most first. */
  readonly failures: readonly { readonly kind: FailureKind; readonly count: number }[];
  /** Those that its row names: what it was split from, follows or takes back. */
  readonly related: readonly Pick<RolloutTable, 'id' | 'name' | 'outcome'>[];
  /** RO42, of one that is pending; of others it is asked when they are. */
  readonly needsSecondPrincipal: boolean;
}

/** By its id or its name. Throws `not-found`. */
export async function rolloutView(db: ReadContext, idOrName: string): Promise<RolloutView> {
  return await viewOf(db, await rolloutOf(db, idOrName));
}

async function viewOf(db: ReadContext, row: RolloutTable): Promise<RolloutView> {
  const waves = await wavesOf(db, row.id);
  const failures = await failuresOf(db, { rolloutId: row.id, waves });
  const needsSecond = row.state === 'pending' && (await needsSecondPrincipal(db, row));
  const related = await relatedOf(db, row);
  return { row, waves, failures, related, needsSecondPrincipal: needsSecond };
}

async function failuresOf(
  db: ReadContext,
  of: { readonly rolloutId: string; readonly waves: readonly RolloutWaveTable[] },
): Promise<RolloutView['failures']> {
  // Most have none, and then nobody is asked.
  const states = FAILED_STATES.filter((state) => sumOf(of.waves.map(countsOf))[state] > 0);
  if (states.length === 0) return [];
  const rows = await db
    .selectFrom('rollout_members')
    .select(['failure', ({ fn }) => fn.countAll<number>().as('count')])
    .where('rollout_id', '=', of.rolloutId)
    .where('state', 'in', states)
    .where('failure', 'is not', null)
    .groupBy('failure')
    .execute();
  return rows
    .flatMap(({ failure, count }) =>
      isFailureKind(failure) ? [{ kind: failure, count: Number(count) }] : [],
    )
    .sort((a, b) => b.count - a.count);
}

async function relatedOf(db: ReadContext, row: RolloutTable): Promise<RolloutView['related']> {
  const ids = [row.split_of, row.starts_after, row.reverts].filter((one) => one !== null);
  if (ids.length === 0) return [];
  return await db
    .selectFrom('rollouts')
    .select(['id', 'name', 'outcome'])
    .where('id', 'in', ids)
    .execute();
}

/** Newest first, by id. */
export async function rolloutPage(
  db: ReadContext,
  page: {
    readonly state: RolloutState | null;
    readonly before: string | null;
    readonly limit: number;
  },
): Promise<readonly RolloutView[]> {
  let query = db.selectFrom('rollouts').selectAll().orderBy('id', 'desc').limit(page.limit);
  if (page.state !== null) query = query.where('state', '=', page.state);
  if (page.before !== null) query = query.where('id', '<', page.before);
  const rows = await query.execute();
  const views: RolloutView[] = [];
  for (const row of rows) views.push(await viewOf(db, row));
  return views;
}

export interface RolloutMemberView extends RolloutMemberTable {
  /** Null: there is no such instance any more. */
  readonly platform: string | null;
  /** Of its command: what the queue, or the host, says that it waits for. */
  readonly command_hold_reason: string | null;
  /** Of its instance, JSON of ReportedUpgrade: of whatever command it is. */
  readonly reported_upgrade: string | null;
}

/** In their order. */
export async function rolloutMembers(
  db: ReadContext,
  page: {
    readonly rollout: string;
    readonly state: MemberState | null;
    /** Places after this one; null: from the first. */
    readonly after: number | null;
    readonly limit: number;
  },
): Promise<readonly RolloutMemberView[]> {
  const { id } = await rolloutOf(db, page.rollout);
  let query = membersOf(db, id).orderBy('place').limit(page.limit);
  if (page.state !== null) query = query.where('rollout_members.state', '=', page.state);
  if (page.after !== null) query = query.where('place', '>', page.after);
  return query.execute();
}

/** Those that were over last come first: with the new version, or without it. */
export async function rolloutMembersLately(
  db: ReadContext,
  of: { readonly rolloutId: string; readonly limit: number },
): Promise<readonly RolloutMemberView[]> {
  return membersOf(db, of.rolloutId)
    .where('rollout_members.ended_ms', 'is not', null)
    .orderBy('rollout_members.ended_ms', 'desc')
    .orderBy('place', 'desc')
    .limit(of.limit)
    .execute();
}

function membersOf(db: ReadContext, rolloutId: string) {
  return db
    .selectFrom('rollout_members')
    .leftJoin('commands', 'commands.id', 'rollout_members.command_id')
    .leftJoin('instances', 'instances.id', 'rollout_members.instance_id')
    .selectAll('rollout_members')
    .select(['instances.platform', 'instances.upgrade as reported_upgrade'])
    .select(({ fn }) =>
      fn.coalesce('commands.hold_reason', 'commands.host_hold_reason').as('command_hold_reason'),
    )
    .where('rollout_members.rollout_id', '=', rolloutId);
}

/** Those that have places first come first. Of a paused one what goes on is judged still. */
export async function judgedRolloutIds(db: ReadContext, _: null): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('rollouts')
    .select(['id', 'spec'])
    .where(({ or, eb, and, exists, selectFrom }) =>
      or([
        eb('state', 'in', ['running', 'paused']),
        and([
          eb('state', '=', 'halted'),
          exists(
            selectFrom('rollout_waves')
              .select('wave')
              .whereRef('rollout_waves.rollout_id', '=', 'rollouts.id')
              .where((of) =>
                of.or([
                  of('upgrading', '>', 0),
                  of('to_roll_back', '>', 0),
                  of('rolling_back', '>', 0),
                ]),
              ),
          ),
        ]),
      ]),
    )
    .execute();
  return rows.sort(byPriority).map(({ id }) => id);
}

/** Instances of a rollout whose commands wait. */
export async function openRolloutInstances(
  db: ReadContext,
  rolloutId: string,
): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('rollout_members')
    .select('instance_id')
    .where('rollout_id', '=', rolloutId)
    .where('state', 'in', ['upgrading', 'parked'])
    .execute();
  return rows.map((row) => row.instance_id);
}
