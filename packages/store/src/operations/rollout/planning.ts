/*
 * Between draft and pending (R4). Planning is a state of its own: it is ordered in one write and done in another, because who a
 * selector means is read in between. A coordinator that dies there leaves it to whoever looks next.
 */
import { CodedError, type ErrorCode } from '@moult/core/errors';
import {
  isSamePlan,
  type Plan,
  type PlanDifference,
  type RolloutSpec,
  readSpec,
} from '@moult/core/rollout';
import type { RolloutTable } from '../../rollout-tables.ts';
import type { Order, WriteContext } from '../context.ts';
import { addHistory } from '../history.ts';
import { requireSpec, requireToCome, requireVersions } from './making.ts';
import {
  type Asked,
  dropPlan,
  emptyPlanTrouble,
  NO_PLAN,
  planColumns,
  planDetail,
  planNow,
  replacePlan,
  storedDifference,
} from './plan-rows.ts';
import { freeRolloutName, moveRollout, rolloutOf } from './rows.ts';
import { needsSecondPrincipal } from './second-principal.ts';

export interface RolloutEdit extends Order {
  readonly rollout: string;
  readonly name?: string;
  /** In place of what it said of these. */
  readonly spec: Partial<RolloutSpec>;
  /** Either of them; absent: those that it is for. */
  readonly selector?: string;
  readonly agents?: readonly string[];
  /** Null: at no time. */
  readonly startsMs?: number | null;
  /** Planned anew; false: it stays a draft. */
  readonly isPlanned: boolean;
}

/**
 * What was planned, and approved, was another rollout: both are gone. Throws `rollout-state` for one that has started,
 * `rollout-spec-invalid`, `desired-version-invalid`, `rollout-exists`, `rollout-start-past`.
 */
export async function editRollout(context: WriteContext, args: RolloutEdit): Promise<RolloutTable> {
  const { nowMs, principal, why } = args;
  const row = await rolloutOf(context.db, args.rollout);
  const spec = { ...specOf(row), ...args.spec };
  requireSpec(spec, selectorAfter(row, args));
  requireToCome(args.startsMs ?? null, nowMs);
  await requireVersions(context.db, spec);
  const name =
    args.name === undefined || args.name === row.name
      ? row.name
      : await freeRolloutName(context.db, { wanted: args.name, base: args.name });
  const target =
    args.agents === undefined
      ? args.selector === undefined
        ? {}
        : { selector: args.selector, agents: null }
      : { selector: null, agents: JSON.stringify(args.agents) };
  const starts =
    args.startsMs === undefined
      ? {}
      : { starts_ms: args.startsMs, started_by: args.startsMs === null ? null : principal };
  const draft = await moveRollout(context, row, {
    ...{ event: 'edited', nowMs, principal, why },
    set: {
      ...{ name, component: spec.component, version: spec.version, spec: JSON.stringify(spec) },
      ...target,
      ...starts,
      ...(why === '' ? {} : { why }),
      ...{ edited_by: principal, approved_by: null, approved_ms: null },
      ...NO_PLAN,
    },
  });
  await dropPlan(context, row.id);
  if (!args.isPlanned) return draft;
  return await moveRollout(context, draft, { event: 'plan-ordered', nowMs, principal, why: '' });
}

function selectorAfter(row: RolloutTable, { agents, selector }: RolloutEdit): string | null {
  return agents === undefined ? (selector ?? row.selector) : null;
}

export function specOf(row: RolloutTable): RolloutSpec {
  const spec = readSpec(row.spec);
  if (spec !== null) return spec;
  throw new CodedError(
    'rollout-spec-invalid',
    `what ${row.name} was told cannot be read any more: cancel it, and make another one`,
  );
}

/** Of a draft, or of what is pending, anew. Again while it is planning is no error. Throws `rollout-state`. */
export async function orderPlan(
  context: WriteContext,
  args: Order & { readonly rollout: string },
): Promise<RolloutTable> {
  const row = await rolloutOf(context.db, args.rollout);
  if (row.state === 'planning') return row;
  return await moveRollout(context, row, { ...args, event: 'plan-ordered' });
}

export interface Planned {
  readonly row: RolloutTable;
  /** Null: it could not be planned, or was not here. */
  readonly plan: Plan | null;
  /** Why it is a draft again; null: it is not. */
  readonly trouble: { readonly code: ErrorCode; readonly message: string } | null;
  /** From the plan before; null: there was none, or it was not planned here. */
  readonly difference: PlanDifference | null;
}

export interface FoundFor {
  readonly rollout: string;
  /** Of the row that said whom it is for: one that was edited while they were looked up is for others. */
  readonly revision: number;
  readonly agents: Asked;
  readonly nowMs: number;
}

/** Does what `orderPlan` ordered. Level-triggered: of what is not planning, or not that any more, it changes nothing. */
export async function finishPlan(context: WriteContext, args: FoundFor): Promise<Planned> {
  const { agents, nowMs, revision } = args;
  const row = await rolloutOf(context.db, args.rollout);
  if (row.state !== 'planning' || row.revision !== revision)
    return { row, plan: null, trouble: null, difference: null };
  const made = await tryPlan(context, { row, agents });
  if (made instanceof CodedError) {
    const why = made.message;
    const draft = await moveRollout(context, row, { event: 'not-plannable', nowMs, why });
    return {
      row: draft,
      plan: null,
      trouble: { code: made.code, message: made.message },
      difference: null,
    };
  }
  const before = await storedDifference(context.db, { rolloutId: row.id, plan: made });
  await replacePlan(context, { rolloutId: row.id, plan: made });
  const isFirst = row.planned_ms === null;
  const after = await moveRollout(context, row, {
    ...{ event: 'planned', nowMs, why: '', detail: planDetail(made) },
    set: {
      ...planColumns(made, nowMs),
      // What was approved was another plan.
      ...(isSamePlan(before) ? {} : { approved_by: null, approved_ms: null }),
    },
  });
  return { row: after, plan: made, trouble: null, difference: isFirst ? null : before };
}

async function tryPlan(
  context: WriteContext,
  of: { readonly row: RolloutTable; readonly agents: Asked },
) {
  try {
    const spec = specOf(of.row);
    await requireVersions(context.db, spec);
    const plan = await planNow(context.db, { spec, agents: of.agents });
    const trouble = emptyPlanTrouble(plan, spec);
    return trouble === null ? plan : new CodedError('rollout-empty', trouble);
  } catch (caught) {
    if (caught instanceof CodedError && !caught.retryable) return caught;
    throw caught;
  }
}

/** RO42: by another principal than whoever made it or edited it last. Throws `rollout-state`, `second-principal-needed`. */
export async function approveStart(
  context: WriteContext,
  args: Order & { readonly row: RolloutTable },
): Promise<RolloutTable> {
  const { row, nowMs, principal, why } = args;
  if (!(await needsSecondPrincipal(context.db, row)))
    throw new CodedError('rollout-state', `${row.name} needs no approval to be started`);
  const maker = [row.created_by, row.edited_by].find((one) => one === principal);
  if (maker !== undefined) {
    const did = principal === row.edited_by ? 'edited' : 'made';
    throw new CodedError(
      'second-principal-needed',
      `${principal} ${did} ${row.name}: another principal approves it`,
    );
  }
  const set = {
    ...{ approved_by: principal, approved_ms: nowMs },
    ...{ waits_reason: null, waits_until_ms: null, revision: row.revision + 1 },
  };
  await context.db.updateTable('rollouts').set(set).where('id', '=', row.id).execute();
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-approved', principal, why },
    ...{ component: row.component, rolloutId: row.id },
    detail: { rollout: row.name, version: row.version },
  });
  return { ...row, ...set };
}
