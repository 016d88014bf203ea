/* Starting what is pending: by a person, at a time, or once a sibling has ended well (R5, R7). */

import type { HoldReason } from '@moult/core/command';
import { CodedError } from '@moult/core/errors';
import { differenceText, isSamePlan, type PlanDifference, readSpec } from '@moult/core/rollout';
import type { RolloutTable } from '../../rollout-tables.ts';
import type { Order, ReadContext, WriteContext } from '../context.ts';
import { addHistory } from '../history.ts';
import { isHeldByRestore } from '../lives.ts';
import { isPublished } from '../releases.ts';
import { claimed } from './claims.ts';
import { requireToCome } from './making.ts';
import {
  type Asked,
  planColumns,
  planDetail,
  planNow,
  replacePlan,
  storedDifference,
} from './plan-rows.ts';
import { type FoundFor, specOf } from './planning.ts';
import { moveRollout, rolloutOf } from './rows.ts';
import { needsSecondPrincipal } from './second-principal.ts';

/** Of those that stand against a rollout, so many are named. */
const NAMED_MAX = 3;
/** What keeps a start that nobody waits for is looked at so often. */
const LOOK_AGAIN_MS = 60_000;

export interface RolloutStart extends Order {
  readonly rollout: string;
  /** Whom it is for now: the plan is compared with what these report. Absent: it starts as it was planned. */
  readonly agents?: Asked;
}

/**
 * Throws `rollout-state`, `rollout-not-approved`, `desired-version-invalid`, `rollout-overlaps`, `rollout-plan-stale`.
 */
export async function startRollout(
  context: WriteContext,
  args: RolloutStart,
): Promise<RolloutTable> {
  const row = await rolloutOf(context.db, args.rollout);
  if (row.state !== 'pending') requireMovable(row);
  await requireApproved(context.db, row);
  await requirePublishedStill(context.db, row);
  await requireApart(context.db, row);
  if (args.agents !== undefined) await requireFresh(context.db, row, args.agents);
  return await moveRollout(context, row, {
    ...args,
    event: 'started',
    set: { started_ms: args.nowMs, started_by: args.principal },
  });
}

/** A draft is not started from here: whoever asks hears what comes first. */
function requireMovable({ name, state }: RolloutTable): void {
  if (state === 'draft' || state === 'planning')
    throw new CodedError(
      'rollout-state',
      `${name} is ${state === 'draft' ? 'a draft' : 'being planned'}: it is planned before it starts`,
      { remedy: `Plan it: \`moult rollouts plan ${name}\`.` },
    );
}

async function isApproved(db: ReadContext, row: RolloutTable): Promise<boolean> {
  return row.approved_by !== null || !(await needsSecondPrincipal(db, row));
}

/** RO42 */
async function requireApproved(db: ReadContext, row: RolloutTable): Promise<void> {
  if (row.state !== 'pending' || (await isApproved(db, row))) return;
  throw new CodedError(
    'rollout-not-approved',
    `${row.name} needs the approval of a second principal (awaiting-approval)`,
    { remedy: `Ask somebody else than its maker: \`moult rollouts approve ${row.name}\`.` },
  );
}

async function requirePublishedStill(db: ReadContext, row: RolloutTable): Promise<void> {
  if (await isPublished(db, row)) return;
  throw new CodedError(
    'desired-version-invalid',
    `${row.component} ${row.version} is not published any more: ${row.name} does not start`,
  );
}

/** RO41 */
async function requireFresh(db: ReadContext, row: RolloutTable, agents: Asked): Promise<void> {
  const plan = await planNow(db, { spec: specOf(row), agents });
  const difference = await storedDifference(db, { rolloutId: row.id, plan });
  if (isSamePlan(difference)) return;
  throw new CodedError(
    'rollout-plan-stale',
    `since ${row.name} was planned it has changed who goes: ${differenceText(difference)}`,
    {
      remedy: `Plan it again and look: \`moult rollouts plan ${row.name}\`; or start it all the same: \`moult rollouts start ${row.name} --as-planned\`.`,
    },
  );
}

/** RO8: an agent is in one rollout at a time. */
async function requireApart(db: ReadContext, row: RolloutTable): Promise<void> {
  const found = await overlapsOf(db, row);
  const [first] = found;
  if (first === undefined) return;
  const names = found.map(({ agent_name: name }) => name).join(', ');
  throw new CodedError(
    'rollout-overlaps',
    `${names} of ${row.name} are in the rollout ${first.name}`,
    { remedy: `Wait for ${first.name}, or cancel it: \`moult rollouts cancel ${first.name}\`.` },
  );
}

function overlapsOf(db: ReadContext, row: RolloutTable) {
  return claimed(db, row.component)
    .innerJoin('rollout_members as own', 'own.instance_id', 'rollout_members.instance_id')
    .select(['own.agent_name', 'rollouts.name'])
    .where('own.rollout_id', '=', row.id)
    .where('rollout_members.rollout_id', '<>', row.id)
    .limit(NAMED_MAX)
    .execute();
}

/** It starts by itself then, planned anew. Throws `rollout-state`, `rollout-start-past`. */
export async function setRolloutStart(
  context: WriteContext,
  args: Order & { readonly rollout: string; readonly startsMs: number },
): Promise<RolloutTable> {
  const { startsMs, nowMs, principal, why } = args;
  const row = await rolloutOf(context.db, args.rollout);
  requireMovable(row);
  if (row.state !== 'pending')
    throw new CodedError('rollout-state', `${row.name} is ${row.state}: it has been started`);
  requireToCome(startsMs, nowMs);
  const set = {
    ...{ starts_ms: startsMs, started_by: principal },
    ...{ waits_reason: null, waits_until_ms: null, revision: row.revision + 1 },
  };
  await context.db.updateTable('rollouts').set(set).where('id', '=', row.id).execute();
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-start-set', principal, why },
    ...{ component: row.component, rolloutId: row.id },
    detail: { rollout: row.name, version: row.version, startsMs },
  });
  return { ...row, ...set };
}

/** Ids: those whose plan was ordered, and those whose time or turn to start has come. */
export async function unsettledRollouts(
  db: ReadContext,
  args: { readonly nowMs: number },
): Promise<{ readonly planning: readonly string[]; readonly due: readonly string[] }> {
  const { nowMs } = args;
  const rows = await db
    .selectFrom('rollouts')
    .leftJoin('rollouts as sibling', 'sibling.id', 'rollouts.starts_after')
    .select(['rollouts.id', 'rollouts.state'])
    .where('rollouts.state', 'in', ['planning', 'pending'])
    .where(({ or, and, eb }) =>
      or([
        eb('rollouts.state', '=', 'planning'),
        and([
          or([
            eb('rollouts.starts_ms', 'is not', null),
            eb('rollouts.starts_after', 'is not', null),
          ]),
          or([eb('rollouts.starts_ms', 'is', null), eb('rollouts.starts_ms', '<=', nowMs)]),
          or([eb('rollouts.starts_after', 'is', null), eb('sibling.outcome', '=', 'ended-ok')]),
          or([
            eb('rollouts.waits_until_ms', 'is', null),
            eb('rollouts.waits_until_ms', '<=', nowMs),
          ]),
          // An approval, or another plan, takes that away.
          or([
            eb('rollouts.waits_reason', 'is', null),
            eb('rollouts.waits_reason', '<>', 'awaiting-approval'),
          ]),
        ]),
      ]),
    )
    .orderBy('rollouts.id')
    .execute();
  const ids = (isPlanning: boolean) =>
    rows.filter(({ state }) => (state === 'planning') === isPlanning).map(({ id }) => id);
  return { planning: ids(true), due: ids(false) };
}

/**
 * RO43: planned anew, and started if nothing stands against it; else it waits, with the reason. Level-triggered: of one that was
 * changed meanwhile nothing is done. Gives whether it was started.
 */
export async function startDueRollout(context: WriteContext, args: FoundFor): Promise<boolean> {
  const { agents, nowMs } = args;
  const { planning: _, due } = await unsettledRollouts(context.db, args);
  const before = await rolloutOf(context.db, args.rollout);
  if (!due.includes(before.id) || before.revision !== args.revision) return false;
  const wait = (reason: HoldReason) => noteStartWait(context, before, { reason, nowMs });
  if (await isHeldByRestore(context.db)) return await wait('coordinator-restored');
  if (readSpec(before.spec) === null) return await wait('plan-empty');
  if (!(await isPublished(context.db, before))) return await wait('release-withdrawn');
  const row = await plannedAnew(context, { row: before, agents, nowMs });
  if (row === null) return await wait('plan-empty');
  if (!(await isApproved(context.db, row))) return await wait('awaiting-approval');
  if ((await overlapsOf(context.db, row)).length > 0) return await wait('agent-in-rollout');
  await moveRollout(context, row, {
    ...{ event: 'started', nowMs, principal: row.started_by ?? row.created_by },
    why: row.starts_after === null ? 'its time has come' : 'the one that it follows has ended well',
    set: { started_ms: nowMs, started_by: row.started_by ?? row.created_by },
  });
  return true;
}

async function noteStartWait(
  context: WriteContext,
  row: RolloutTable,
  of: { readonly reason: HoldReason; readonly nowMs: number },
): Promise<false> {
  const { reason, nowMs } = of;
  const untilMs = reason === 'awaiting-approval' ? null : nowMs + LOOK_AGAIN_MS;
  await context.db
    .updateTable('rollouts')
    .set({ waits_reason: reason, waits_until_ms: untilMs })
    .where('id', '=', row.id)
    .execute();
  if (row.waits_reason === reason) return false;
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-start-held', component: row.component, rolloutId: row.id },
    detail: { rollout: row.name, version: row.version, reason },
  });
  return false;
}

/** Null: nobody would go any more, and the plan stays what it was. */
async function plannedAnew(
  context: WriteContext,
  of: { readonly row: RolloutTable; readonly agents: Asked; readonly nowMs: number },
): Promise<RolloutTable | null> {
  const { row, agents, nowMs } = of;
  const plan = await planOrNull(context.db, row, agents);
  if (plan === null || plan.members.length === 0) return null;
  const difference = await storedDifference(context.db, { rolloutId: row.id, plan });
  if (isSamePlan(difference)) return row;
  await replacePlan(context, { rolloutId: row.id, plan });
  const set = {
    ...planColumns(plan, nowMs),
    // What was approved was another plan.
    ...{ approved_by: null, approved_ms: null, revision: row.revision + 1 },
  };
  await context.db.updateTable('rollouts').set(set).where('id', '=', row.id).execute();
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-planned-anew', component: row.component, rolloutId: row.id },
    detail: {
      ...{ rollout: row.name, version: row.version, ...planDetail(plan) },
      difference: differenceText(difference satisfies PlanDifference),
    },
  });
  return { ...row, ...set };
}

async function planOrNull(db: ReadContext, row: RolloutTable, agents: Asked) {
  try {
    return await planNow(db, { spec: specOf(row), agents });
  } catch (caught) {
    if (caught instanceof CodedError && caught.code === 'no-launcher-selected') return null;
    throw caught;
  }
}
