/*
 * One step of a running rollout: reads its counters, lets core judge, and writes what follows in one transaction. Level-
 * triggered: it may be called at any time, by whomever, and orders nothing twice.
 */
import type { HoldReason } from '@moult/core/command';
import { FETCHES_MAX, hasBegun, isActive, type Verdict } from '@moult/core/rollout';
import type { RolloutMemberTable, RolloutTable, RolloutWaveTable } from '../../rollout-tables.ts';
import type { WriteContext } from '../context.ts';
import { instanceById } from '../instances.ts';
import { isHeldByRestore } from '../lives.ts';
import { isInMaintenance } from '../maintenance.ts';
import { prepared, upTo } from '../prepared.ts';
import { haltRollout } from './halt.ts';
import { orderVersion } from './orders.ts';
import { roomsFor, takesPlaces } from './rooms.ts';
import { countsOf, judged, moveMember, moveRollout, rolloutOf, wavesOf } from './rows.ts';
import { rollBackSome } from './way-back.ts';

/** In one transaction: others want to write, too. */
const ISSUES_MAX = 64;
/** The first of a wave do not wait for so many to be written. */
const FIRST_ISSUES_MAX = 8;

export interface Stepped {
  /** Instances that have a command to be sent now. */
  readonly issued: readonly string[];
  /** When it is to be looked at again by the clock alone; null: when something happens. */
  readonly untilMs: number | null;
  /** More could be issued at once. */
  readonly isMore: boolean;
}

type Start = Extract<Verdict, { readonly kind: 'start' }>;

const UPGRADING: HoldReason = 'coordinator-upgrading';

const NOTHING: Stepped = { issued: [], untilMs: null, isMore: false };

export interface Stepping {
  readonly id: string;
  readonly nowMs: number;
  /** Where a place became free since the last step; null or absent: it is looked for everywhere. */
  readonly groups?: readonly string[] | null;
}

export async function stepRollout(context: WriteContext, args: Stepping): Promise<Stepped> {
  const { id } = args;
  const row = await context.db
    .selectFrom('rollouts')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined || !isActive(row.state)) return NOTHING;
  // RO6: what a restored store has lost may be under way.
  if (await isHeldByRestore(context.db)) {
    await noteWait(context, row, { reason: 'coordinator-restored', untilMs: null });
    return NOTHING;
  }
  const waves = await wavesOf(context.db, id);
  // Of most nobody goes back, and nothing is read twice.
  const goesBack = waves.some(({ to_roll_back: some }) => some > 0);
  if (!goesBack) return await goOn(context, { row, waves, ...args });
  return await goBackAndOn(context, { row, ...args });
}

async function goBackAndOn(
  context: WriteContext,
  of: Stepping & { readonly row: RolloutTable },
): Promise<Stepped> {
  const { id, nowMs } = of;
  const isHeld = await isInMaintenance(context.db, nowMs);
  const back = isHeld ? NOTHING : await rollBackSome(context, of);
  // A way back that failed has halted it.
  const after = { row: await rolloutOf(context.db, id), waves: await wavesOf(context.db, id) };
  const stepped = await goOn(context, { ...of, ...after });
  // One that stands has no other reason to tell.
  const row = await rolloutOf(context.db, id);
  if (isHeld || row.state !== 'running')
    await noteWait(context, row, { reason: isHeld ? UPGRADING : null, untilMs: null });
  return {
    ...stepped,
    issued: [...back.issued, ...stepped.issued],
    isMore: back.isMore || stepped.isMore,
  };
}

async function goOn(
  context: WriteContext,
  of: Stepping & Pick<Judged<Verdict>, 'row' | 'waves'>,
): Promise<Stepped> {
  const { row } = of;
  if (row.state === 'halted') return NOTHING;
  const verdict = await judged(context.db, of);
  // RO2: what goes on past a pause can halt it, and nothing more.
  if (row.state === 'paused' && verdict.kind !== 'halt') return NOTHING;
  return await carryOut(context, { ...of, verdict });
}

interface Judged<V extends Verdict> extends Stepping {
  readonly row: RolloutTable;
  readonly waves: readonly RolloutWaveTable[];
  readonly verdict: V;
}

async function carryOut(context: WriteContext, of: Judged<Verdict>): Promise<Stepped> {
  const { row, verdict, nowMs } = of;
  switch (verdict.kind) {
    case 'halt':
      await haltRollout(context, row, { nowMs, why: verdict.why });
      // Some may have to go back now.
      return { ...NOTHING, isMore: true };
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
      if (await isInMaintenance(context.db, nowMs)) {
        await noteWait(context, row, { reason: UPGRADING, untilMs: null });
        return NOTHING;
      }
      const { issued, isMore } = await startSome(context, { ...of, verdict });
      const waits = issued.length === 0 ? 'awaiting-turn' : null;
      await noteWait(context, row, { reason: waits, untilMs: null });
      return { issued, untilMs: null, isMore };
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
  of: Judged<Start>,
): Promise<Pick<Stepped, 'issued' | 'isMore'>> {
  const { row, waves, nowMs } = of;
  const { wave, atMost } = of.verdict;
  const open = waves.filter((one) => one.wave <= wave && one.waiting > 0).map((one) => one.wave);
  const isOpening = !waves.some((one) => one.wave === wave && hasBegun({ counts: countsOf(one) }));
  const chunk = isOpening ? FIRST_ISSUES_MAX : ISSUES_MAX;
  // RO9
  const most = Math.min(chunk, atMost ?? chunk);
  if (!takesPlaces(row)) {
    const issued = await startBeside(context, { ...of, most });
    return { issued, isMore: issued.length >= chunk };
  }
  const rooms = await roomsFor(context.db, {
    row,
    open,
    // All that there are wait for a wave to open.
    groups: isOpening ? null : (of.groups ?? null),
    verdictOf: async (other) => {
      const waves = await wavesOf(context.db, other.id);
      return await judged(context.db, { row: other, waves, nowMs });
    },
  });
  const issued: string[] = [];
  for (const { group, free } of rooms) {
    let left = Math.min(free, most - issued.length);
    for (const wave of open) {
      if (left === 0) break;
      const members = await waitingIn(context.db, { rolloutId: row.id, wave, group, most: left });
      left -= members.length;
      for (const member of members) {
        if (await startOne(context, { row, member, nowMs })) issued.push(member.instance_id);
      }
    }
  }
  return { issued, isMore: issued.length >= chunk };
}

/** RO23: so many at once, of whatever groups. */
async function startBeside(
  context: WriteContext,
  of: Judged<Start> & { readonly most: number },
): Promise<readonly string[]> {
  const { row, waves, most, nowMs } = of;
  const fetching = waves.reduce((sum, { upgrading }) => sum + upgrading, 0);
  const members = await context.db
    .selectFrom('rollout_members')
    .selectAll()
    .where('rollout_id', '=', row.id)
    .where('state', '=', 'waiting')
    .where('wave', '<=', of.verdict.wave)
    .orderBy('wave')
    .orderBy('place')
    .limit(Math.max(0, Math.min(most, FETCHES_MAX - fetching)))
    .execute();
  const issued: string[] = [];
  for (const member of members) {
    if (await startOne(context, { row, member, nowMs })) issued.push(member.instance_id);
  }
  return issued;
}

const waitingIn = prepared(
  (
    db,
    of: {
      readonly rolloutId: string;
      readonly wave: number;
      readonly group: string;
      readonly most: number;
    },
  ) =>
    db
      .selectFrom('rollout_members')
      .selectAll()
      .where('rollout_id', '=', of.rolloutId)
      .where('state', '=', 'waiting')
      .where('wave', '=', of.wave)
      .where('group_name', '=', of.group)
      .orderBy('place')
      .limit(upTo(of.most)),
);
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
  const command = await orderVersion(context, {
    row,
    instance,
    tries,
    version: row.version,
    nowMs,
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
