/*
 * One step of a running rollout: reads its counters, lets core judge, and writes what follows in one transaction. Level-
 * triggered: it may be called at any time, by whomever, and orders nothing twice.
 */
import { byPriority, readSpec, slotsFree, type Verdict, verdictOf } from '@moult/core/rollout';
import type { RolloutMemberTable, RolloutTable } from '../rollout-tables.ts';
import { IN_FLIGHT_STATES, KIND } from './command-rows.ts';
import { addCommand } from './commands.ts';
import { COORDINATOR, type ReadContext, type WriteContext } from './context.ts';
import { instanceById } from './instances.ts';
import { isHeldByRestore } from './lives.ts';
import { moveMember, moveRollout, statusOf, wavesOf } from './rollout-rows.ts';

/** In one transaction: others want to write, too. */
const ISSUES_MAX = 200;

export interface Stepped {
  /** Instances that have a command to be sent now. */
  readonly issued: readonly string[];
  /** When it is to be looked at again by the clock alone; null: when something happens. */
  readonly untilMs: number | null;
  /** More could be issued at once. */
  readonly isMore: boolean;
}

type Start = Extract<Verdict, { readonly kind: 'start' }>;

const NOTHING: Stepped = { issued: [], untilMs: null, isMore: false };

export async function stepRollout(
  context: WriteContext,
  args: { readonly id: string; readonly nowMs: number },
): Promise<Stepped> {
  const { id, nowMs } = args;
  const row = await context.db
    .selectFrom('rollouts')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined || (row.state !== 'running' && row.state !== 'paused')) return NOTHING;
  // RO6: what a restored store has lost may be under way.
  if (await isHeldByRestore(context.db)) {
    await noteWait(context, row, { reason: 'coordinator-restored', untilMs: null });
    return NOTHING;
  }
  const verdict = await judgedNow(context.db, row, nowMs);
  // RO2: what goes on past a pause can halt it, and nothing more.
  if (row.state === 'paused' && verdict.kind !== 'halt') return NOTHING;
  return await carryOut(context, { row, verdict, nowMs });
}

/** What core makes of its counters. */
async function judgedNow(db: ReadContext, row: RolloutTable, nowMs: number): Promise<Verdict> {
  return verdictOf(statusOf(row, await wavesOf(db, row.id)), nowMs);
}

async function carryOut(
  context: WriteContext,
  of: { readonly row: RolloutTable; readonly verdict: Verdict; readonly nowMs: number },
): Promise<Stepped> {
  const { row, verdict, nowMs } = of;
  switch (verdict.kind) {
    case 'halt':
      await moveRollout(context, row, { event: 'failures-exceeded', nowMs, why: verdict.why });
      return NOTHING;
    case 'pause':
      await moveRollout(context, row, { event: 'paused', nowMs, why: verdict.why });
      return NOTHING;
    case 'end': {
      const outcome = verdict.isOk ? 'ended-ok' : 'ended-not-ok';
      await moveRollout(context, row, { event: 'all-over', nowMs, why: '', set: { outcome } });
      return NOTHING;
    }
    case 'wait':
      await noteWait(context, row, verdict);
      return { ...NOTHING, untilMs: verdict.untilMs };
    case 'start': {
      const issued = await startSome(context, { row, verdict, nowMs });
      const waits = issued.length === 0 ? 'awaiting-turn' : null;
      await noteWait(context, row, { reason: waits, untilMs: null });
      return { issued, untilMs: null, isMore: issued.length >= ISSUES_MAX };
    }
  }
}

async function noteWait(
  context: WriteContext,
  row: RolloutTable,
  waits: { readonly reason: string | null; readonly untilMs: number | null },
): Promise<void> {
  if (row.waits_reason === waits.reason && row.waits_until_ms === waits.untilMs) return;
  await context.db
    .updateTable('rollouts')
    .set({ waits_reason: waits.reason, waits_until_ms: waits.untilMs })
    .where('id', '=', row.id)
    .execute();
}

/** RO1: of each group as many as it can spare. */
async function startSome(
  context: WriteContext,
  of: { readonly row: RolloutTable; readonly verdict: Start; readonly nowMs: number },
): Promise<readonly string[]> {
  const { row, nowMs } = of;
  const { wave, atMost } = of.verdict;
  // RO9
  const most = Math.min(ISSUES_MAX, atMost ?? ISSUES_MAX);
  const waiting = context.db
    .selectFrom('rollout_members')
    .where('rollout_id', '=', row.id)
    .where('state', '=', 'waiting')
    .where('wave', '<=', wave);
  const groups = await waiting
    .innerJoin('groups', 'groups.name', 'rollout_members.group_name')
    .select(['groups.name', 'groups.unavailable_max'])
    .distinct()
    .orderBy('groups.name')
    .execute();
  const inFlight = await inFlightByGroup(context.db, row);
  const wanted = await wantedBefore(context.db, row, nowMs);
  const issued: string[] = [];
  for (const group of groups) {
    const free = slotsFree({
      unavailableMax: group.unavailable_max,
      // RO22: what is wanted by those that come before it is as good as taken.
      inFlight: (inFlight.get(group.name) ?? 0) + (wanted.get(group.name) ?? 0),
    });
    const limit = Math.min(free, most - issued.length);
    if (limit === 0) continue;
    const members = await waiting
      .selectAll()
      .where('group_name', '=', group.name)
      .orderBy('wave')
      .orderBy('place')
      .limit(limit)
      .execute();
    for (const member of members) {
      if (await startOne(context, { row, member, nowMs })) issued.push(member.instance_id);
    }
  }
  return issued;
}

/** RO22: how many of each group the running rollouts that come before it could start now. */
async function wantedBefore(
  db: ReadContext,
  row: RolloutTable,
  nowMs: number,
): Promise<ReadonlyMap<string, number>> {
  const running = await db
    .selectFrom('rollouts')
    .selectAll()
    .where('state', '=', 'running')
    .where('component', '=', row.component)
    .where('id', '<>', row.id)
    .execute();
  const wanted = new Map<string, number>();
  for (const other of running.filter((one) => byPriority(one, row) < 0)) {
    const verdict = await judgedNow(db, other, nowMs);
    if (verdict.kind !== 'start') continue;
    const waiting = await db
      .selectFrom('rollout_members')
      .select(['group_name', ({ fn }) => fn.countAll<number>().as('count')])
      .where('rollout_id', '=', other.id)
      .where('state', '=', 'waiting')
      .where('wave', '<=', verdict.wave)
      .groupBy('group_name')
      .execute();
    for (const { group_name: name, count } of waiting) {
      const most = Math.min(Number(count), verdict.atMost ?? Number(count));
      wanted.set(name, (wanted.get(name) ?? 0) + most);
    }
  }
  return wanted;
}

/** Of all rollouts, choices and orders by hand: what is away is away. */
async function inFlightByGroup(
  db: ReadContext,
  row: RolloutTable,
): Promise<ReadonlyMap<string, number>> {
  const others = await db
    .selectFrom('commands')
    .select(['group_name', ({ fn }) => fn.countAll<number>().as('count')])
    .where('state', 'in', IN_FLIGHT_STATES)
    .where(KIND, '=', 'autoUpgrade')
    .where('component', '=', row.component)
    .where('origin', '<>', 'rollout')
    .groupBy('group_name')
    .execute();
  const own = await db
    .selectFrom('rollout_members')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_members.rollout_id')
    .select(['rollout_members.group_name', ({ fn }) => fn.countAll<number>().as('count')])
    .where('rollout_members.state', '=', 'upgrading')
    .where('rollouts.component', '=', row.component)
    .groupBy('rollout_members.group_name')
    .execute();
  const all = new Map<string, number>();
  for (const { group_name: name, count } of [...others, ...own])
    all.set(name, (all.get(name) ?? 0) + Number(count));
  return all;
}

/** False: there is no such instance any more. */
async function startOne(
  context: WriteContext,
  of: { readonly row: RolloutTable; readonly member: RolloutMemberTable; readonly nowMs: number },
): Promise<boolean> {
  const { row, member, nowMs } = of;
  const instance = await instanceById(context.db, member.instance_id);
  if (instance === null || instance.role === 'removed') {
    await moveMember(context, member, {
      state: 'skipped',
      nowMs,
      set: { message: 'it was removed' },
    });
    return false;
  }
  const tries = member.tries + 1;
  const command = await addCommand(context, {
    instance,
    kind: 'autoUpgrade',
    component: row.component,
    version: row.version,
    isForced: readSpec(row.spec)?.isForced === true,
    notBeforeMs: 0,
    key: `rollout-${row.id}-${tries}`,
    origin: 'rollout',
    rolloutId: row.id,
    nowMs,
    principal: row.started_by ?? COORDINATOR,
    why: row.why === '' ? `rollout ${row.name}` : row.why,
  });
  await moveMember(context, member, {
    state: 'upgrading',
    nowMs,
    set: {
      command_id: command.id,
      tries,
      started_ms: nowMs,
      code: null,
      message: null,
      failure: null,
    },
  });
  return true;
}
