/* Rows of rollouts, and their counters: those of a wave change with its members, in one transaction. */

import { CodedError } from '@moult/core/errors';
import {
  isCountedFailure,
  isFailure,
  isOver,
  type MemberCounts,
  type MemberState,
  type RolloutCounters,
  type RolloutEvent,
  readSpec,
  rolloutAfter,
  stateRemedyOf,
  UNSETTLED,
  type Verdict,
  verdictOf,
} from '@moult/core/rollout';
import { type RawBuilder, sql } from 'kysely';
import type { RolloutMemberTable, RolloutTable, RolloutWaveTable } from '../../rollout-tables.ts';
import type { ReadContext, WriteContext } from '../context.ts';
import { addHistory } from '../history.ts';
import { preparedByNames } from '../prepared.ts';
import { isPublished } from '../releases.ts';

type Column = Exclude<
  keyof RolloutWaveTable,
  'rollout_id' | 'wave' | 'last_end_ms' | 'is_approved'
>;

export const COLUMN_OF: Readonly<Record<MemberState, Column>> = {
  waiting: 'waiting',
  upgrading: 'upgrading',
  'to-roll-back': 'to_roll_back',
  'rolling-back': 'rolling_back',
  done: 'done',
  failed: 'failed',
  'rolled-back': 'rolled_back',
  skipped: 'skipped',
  parked: 'parked',
  stopped: 'stopped',
};

/** By its id or its name. Throws `not-found`. */
export async function rolloutOf(db: ReadContext, idOrName: string): Promise<RolloutTable> {
  const row = await db
    .selectFrom('rollouts')
    .selectAll()
    .where(({ or, eb }) => or([eb('id', '=', idOrName), eb('name', '=', idOrName)]))
    .executeTakeFirst();
  if (row === undefined) throw new CodedError('not-found', `there is no rollout ${idOrName}`);
  return row;
}

/** Throws `rollout-exists` where the wanted one is taken; without one it is made of `base`. */
export async function freeRolloutName(
  db: ReadContext,
  of: { readonly wanted: string | null; readonly base: string },
): Promise<string> {
  const base = of.wanted ?? of.base;
  const taken = await db
    .selectFrom('rollouts')
    .select('name')
    .where('name', 'like', `${base}%`)
    .execute();
  const names = new Set(taken.map(({ name }) => name));
  if (!names.has(base)) return base;
  if (of.wanted !== null)
    throw new CodedError('rollout-exists', `there is a rollout ${base} already`);
  // One of so many is free.
  for (let number = 2; number <= names.size + 1; number++) {
    if (!names.has(`${base}-${number}`)) return `${base}-${number}`;
  }
  return `${base}-${names.size + 2}`;
}

export async function wavesOf(
  db: ReadContext,
  rolloutId: string,
): Promise<readonly RolloutWaveTable[]> {
  return db
    .selectFrom('rollout_waves')
    .selectAll()
    .where('rollout_id', '=', rolloutId)
    .orderBy('wave')
    .execute();
}

export async function addWave(
  context: WriteContext,
  of: { readonly rolloutId: string; readonly wave: number; readonly waiting: number },
): Promise<void> {
  await context.db
    .insertInto('rollout_waves')
    .values({
      rollout_id: of.rolloutId,
      wave: of.wave,
      waiting: of.waiting,
      ...{ upgrading: 0, done: 0, failed: 0, rolled_back: 0, skipped: 0, parked: 0, stopped: 0 },
      ...{ to_roll_back: 0, rolling_back: 0 },
      last_end_ms: null,
      is_approved: 0,
    })
    .execute();
}

/** What core makes of it now. */
export async function judged(
  db: ReadContext,
  of: {
    readonly row: RolloutTable;
    readonly waves: readonly RolloutWaveTable[];
    readonly nowMs: number;
  },
): Promise<Verdict> {
  const { row, waves, nowMs } = of;
  return verdictOf({ ...countersOf(row, waves), isPublished: await isPublished(db, row) }, nowMs);
}

/** As core judges it. */
export function countersOf(row: RolloutTable, waves: readonly RolloutWaveTable[]): RolloutCounters {
  return {
    spec: readSpec(row.spec),
    waves: waves.map((wave) => ({
      counts: countsOf(wave),
      lastEndMs: wave.last_end_ms,
      isApproved: wave.is_approved === 1,
    })),
    failuresForgiven: row.failures_forgiven,
    doneAtResume: row.done_at_resume,
  };
}

export function countsOf(wave: RolloutWaveTable): MemberCounts {
  const { waiting, upgrading, done, failed, skipped, parked, stopped } = wave;
  return {
    ...{ waiting, upgrading, done, failed, skipped, parked, stopped },
    'rolled-back': wave.rolled_back,
    'to-roll-back': wave.to_roll_back,
    'rolling-back': wave.rolling_back,
  };
}

export interface RolloutChange {
  readonly event: RolloutEvent;
  readonly nowMs: number;
  readonly principal?: string;
  readonly why: string;
  readonly set?: Partial<RolloutTable>;
  /** Beside what history says of every change. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Moves it by the table of core. Throws `rollout-state` where that says no. */
export async function moveRollout(
  context: WriteContext,
  row: RolloutTable,
  change: RolloutChange,
): Promise<RolloutTable> {
  const state = rolloutAfter(row.state, change.event);
  if (state === null) {
    throw new CodedError(
      'rollout-state',
      `${row.name} is ${row.state}: that cannot be done with it`,
      { remedy: stateRemedyOf(row) },
    );
  }
  const after: RolloutTable = {
    ...row,
    state,
    state_why: change.why,
    waits_reason: null,
    waits_until_ms: null,
    ...(isOver(state) ? { ended_ms: change.nowMs } : {}),
    ...change.set,
    revision: row.revision + 1,
  };
  await context.db.updateTable('rollouts').set(after).where('id', '=', row.id).execute();
  await addHistory(context, {
    nowMs: change.nowMs,
    kind: `rollout-${state}`,
    component: row.component,
    rolloutId: row.id,
    ...(change.principal === undefined ? {} : { principal: change.principal }),
    why: change.why,
    detail: {
      rollout: after.name,
      version: after.version,
      event: change.event,
      outcome: after.outcome,
      ...change.detail,
    },
  });
  return after;
}

/** RO3: from one state to another, and both counters of its wave with it. */
export async function moveMember(
  context: WriteContext,
  member: RolloutMemberTable,
  to: {
    readonly state: MemberState;
    readonly nowMs: number;
    readonly set?: Partial<RolloutMemberTable>;
  },
): Promise<RolloutMemberTable> {
  const { state, nowMs, set } = to;
  const isEnd = !UNSETTLED.includes(state);
  const after: RolloutMemberTable = {
    ...member,
    hold_reason: null,
    ended_ms: isEnd ? nowMs : null,
    ...set,
    ...(await correction(context, { member, state })),
    state,
  };
  await changeMember(context.db, after);
  if (state === member.state) return after;
  const from = COLUMN_OF[member.state];
  const into = COLUMN_OF[state];
  await context.db
    .updateTable('rollout_waves')
    .set({
      [from]: plus(from, -1),
      [into]: plus(into, 1),
      ...(state === 'done' || isFailure(state)
        ? { last_end_ms: member.was_parked === 0 ? nowMs : firstEnd(nowMs) }
        : {}),
    })
    .where('rollout_id', '=', member.rollout_id)
    .where('wave', '=', member.wave)
    .execute();
  return after;
}

/** RO4: what was forgiven is no failure any more, and must not forgive another one. */
async function correction(
  context: WriteContext,
  of: { readonly member: RolloutMemberTable; readonly state: MemberState },
): Promise<Partial<RolloutMemberTable>> {
  const { member, state } = of;
  if (member.is_forgiven === 0) return {};
  const { id, spec } = await rolloutOf(context.db, member.rollout_id);
  if (isCountedFailure(readSpec(spec), state)) return {};
  await context.db
    .updateTable('rollouts')
    .set({ failures_forgiven: sql<number>`failures_forgiven - 1` })
    .where('id', '=', id)
    .execute();
  return { is_forgiven: 0 };
}

/** RO5: who comes late does not make a wave soak anew. */
function firstEnd(nowMs: number): RawBuilder<number> {
  return sql<number>`coalesce(last_end_ms, ${nowMs})`;
}

const changeMember = preparedByNames((db, row: RolloutMemberTable) => {
  const { rollout_id, instance_id, ...set } = row;
  return db
    .updateTable('rollout_members')
    .set(set)
    .where('rollout_id', '=', rollout_id)
    .where('instance_id', '=', instance_id);
});

function plus(column: Column, by: number): RawBuilder<number> {
  return sql<number>`${sql.ref(column)} + ${by}`;
}
