/* Making rollouts: as a draft, or planned at once. */
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { type Plan, type RolloutSpec, selectorTroubles, specTroubles } from '@moult/core/rollout';
import type { RolloutTable } from '../../rollout-tables.ts';
import { requirePublished } from '../choosing.ts';
import type { Order, ReadContext, WriteContext } from '../context.ts';
import { addHistory } from '../history.ts';
import {
  type Asked,
  emptyPlanTrouble,
  NO_PLAN,
  planColumns,
  planDetail,
  planNow,
  replacePlan,
} from './plan-rows.ts';
import { freeRolloutName } from './rows.ts';

/** What a rollout may have from its beginning; absent: a person makes it, and starts it. */
export type RolloutExtras = Partial<
  Pick<
    RolloutTable,
    'origin' | 'choice_position' | 'reverts' | 'starts_ms' | 'split_of' | 'starts_after'
  >
>;

interface Made extends Order {
  readonly spec: RolloutSpec;
  /** Null: one is made of component and version. */
  readonly name: string | null;
  /** What that is made of instead. */
  readonly baseName?: string;
  /** Null: it is for agents by name. */
  readonly selector: string | null;
  /** The same key gives the same rollout; null or absent: each order makes one. */
  readonly key?: string | null;
  readonly extras?: RolloutExtras;
}

export interface NewRollout extends Made {
  /** Whom the selector matches now, or who was named. */
  readonly agents: Asked;
}

export interface NewDraft extends Made {
  /** Names; null: by the selector. */
  readonly agents: readonly string[] | null;
}

/**
 * Made, planned from what agents report now, and pending (R4), in one go. Throws `rollout-spec-invalid`, `desired-version-invalid`,
 * `rollout-exists`, `rollout-empty`, `no-launcher-selected`, `rollout-start-past`.
 */
export async function createRollout(
  context: WriteContext,
  args: NewRollout,
): Promise<RolloutTable> {
  const same = await rolloutByKey(context.db, args.key ?? null);
  if (same !== null) return same;
  const { spec, nowMs, principal, why } = args;
  await requireMakeable(context.db, args);
  const plan = await planNow(context.db, args);
  const trouble = emptyPlanTrouble(plan, spec);
  if (trouble !== null) throw new CodedError('rollout-empty', trouble);
  const all = [
    ...plan.members.map(({ candidate }) => candidate),
    ...plan.alreadyThere,
    ...plan.cannot.map(({ candidate }) => candidate),
  ];
  const names = all.map(({ agentName }) => agentName).sort();
  const row: RolloutTable = {
    ...(await newRow(context, args)),
    state: 'pending',
    agents: args.selector === null ? JSON.stringify(names) : null,
    ...planColumns(plan, nowMs),
  };
  await context.db.insertInto('rollouts').values(row).execute();
  await replacePlan(context, { rolloutId: row.id, plan });
  await addHistory(context, {
    nowMs,
    kind: 'rollout-pending',
    component: spec.component,
    rolloutId: row.id,
    principal,
    why,
    detail: { rollout: row.name, version: spec.version, ...planDetail(plan) },
  });
  return row;
}

/** Kept as it was asked for: nobody was looked at. Throws as `createRollout` does for what can be known without. */
export async function draftRollout(context: WriteContext, args: NewDraft): Promise<RolloutTable> {
  const same = await rolloutByKey(context.db, args.key ?? null);
  if (same !== null) return same;
  const { spec, nowMs, principal, why, agents } = args;
  await requireMakeable(context.db, args);
  const row: RolloutTable = {
    ...(await newRow(context, args)),
    agents: agents === null ? null : JSON.stringify(agents),
  };
  await context.db.insertInto('rollouts').values(row).execute();
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-draft', principal, why },
    ...{ component: spec.component, rolloutId: row.id },
    detail: { rollout: row.name, version: spec.version, event: 'made' },
  });
  return row;
}

/** What `createRollout` would plan, and what it would refuse. */
export async function rolloutPlan(
  db: ReadContext,
  of: { readonly spec: RolloutSpec; readonly selector: string | null; readonly agents: Asked },
): Promise<Plan> {
  requireSpec(of.spec, of.selector);
  await requireVersions(db, of.spec);
  return await planNow(db, of);
}

export async function rolloutByKey(
  db: ReadContext,
  key: string | null,
): Promise<RolloutTable | null> {
  if (key === null) return null;
  const row = await db
    .selectFrom('rollouts')
    .selectAll()
    .where('idempotency_key', '=', key)
    .executeTakeFirst();
  return row ?? null;
}

async function requireMakeable(db: ReadContext, args: Made): Promise<void> {
  requireSpec(args.spec, args.selector);
  requireToCome(args.extras?.starts_ms ?? null, args.nowMs);
  await requireVersions(db, args.spec);
}

/** What it brings, and where it may go back to. Throws `desired-version-invalid`. */
export async function requireVersions(
  db: ReadContext,
  { component, version, rollBackTo }: RolloutSpec,
): Promise<void> {
  await requirePublished(db, { component, version });
  if (rollBackTo !== null) await requirePublished(db, { component, version: rollBackTo });
}

export function requireSpec(spec: RolloutSpec, selector: string | null): void {
  const troubles = [...specTroubles(spec), ...selectorTroubles(spec, selector)];
  if (troubles.length > 0) throw new CodedError('rollout-spec-invalid', troubles.join('; '));
}

/** R5: a start is set for a time to come. */
export function requireToCome(startsMs: number | null, nowMs: number): void {
  if (startsMs === null || startsMs > nowMs) return;
  const [at, now] = [startsMs, nowMs].map((ms) => new Date(ms).toISOString());
  throw new CodedError('rollout-start-past', `${at} has passed: it is ${now}`);
}

async function newRow(context: WriteContext, args: Made): Promise<RolloutTable> {
  const { spec, nowMs, principal, why } = args;
  return {
    id: context.newId(nowMs),
    name: await freeRolloutName(context.db, {
      wanted: args.name,
      base: args.baseName ?? baseNameOf(spec.component, spec.version),
    }),
    component: spec.component,
    version: spec.version,
    selector: args.selector,
    spec: JSON.stringify(spec),
    state: 'draft',
    state_why: '',
    waits_reason: null,
    waits_until_ms: null,
    failures_forgiven: 0,
    done_at_resume: 0,
    created_ms: nowMs,
    created_by: principal,
    why,
    started_ms: null,
    // R5: who sets a time for it is who starts it.
    started_by: (args.extras?.starts_ms ?? null) === null ? null : principal,
    ended_ms: null,
    outcome: null,
    revision: 0,
    origin: 'person',
    choice_position: null,
    agents: null,
    starts_ms: null,
    approved_by: null,
    approved_ms: null,
    split_of: null,
    starts_after: null,
    reverts: null,
    idempotency_key: args.key ?? null,
    edited_by: null,
    ...NO_PLAN,
    ...args.extras,
  };
}

function baseNameOf(component: Component, version: string): string {
  return `${component}-${version.replaceAll('+', '-')}`;
}
