/* What operators do with rollouts. Each is one transaction with its history. */
import type { HoldReason } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import {
  failuresIn,
  isActive,
  isFailure,
  MEMBER_STATES,
  type Plan,
  planOf,
  type RolloutSpec,
  selectorTroubles,
  specTroubles,
  stateRemedyOf,
  sumOf,
  verdictOf,
} from '@moult/core/rollout';
import type { RolloutMemberTable, RolloutTable } from '../rollout-tables.ts';
import { requirePublished } from './choosing.ts';
import type { Order, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { type CandidatesAsked, rolloutCandidates } from './rollout-candidates.ts';
import {
  addWave,
  countsOf,
  moveMember,
  moveRollout,
  rolloutOf,
  statusOf,
  wavesOf,
} from './rollout-rows.ts';

/** Rows of one statement: engines limit their parameters. */
const CHUNK = 200;
/** Of those that stand against a rollout, so many are named. */
const NAMED_MAX = 3;
const FAILURES = MEMBER_STATES.filter(isFailure);

export interface NewRollout extends Order {
  readonly spec: RolloutSpec;
  /** Null: one is made of component and version. */
  readonly name: string | null;
  readonly selector: string | null;
  readonly agents: CandidatesAsked['agents'];
}

/**
 * Made, planned from what agents report now, and pending (R4). Throws `rollout-spec-invalid`, `desired-version-invalid`,
 * `rollout-exists`, `rollout-empty`.
 */
export async function createRollout(
  context: WriteContext,
  args: NewRollout,
): Promise<RolloutTable> {
  const { spec, nowMs, principal, why } = args;
  requireSpec(spec, args.selector);
  await requirePublished(context.db, spec);
  const plan = planOf(spec, await rolloutCandidates(context.db, { ...spec, agents: args.agents }));
  requireSomebody(plan, spec);
  const row: RolloutTable = {
    id: context.newId(nowMs),
    name: await freeName(context, { name: args.name, component: spec.component, spec }),
    component: spec.component,
    version: spec.version,
    selector: args.selector,
    spec: JSON.stringify(spec),
    state: 'pending',
    state_why: '',
    waits_reason: null,
    waits_until_ms: null,
    failures_forgiven: 0,
    done_at_resume: 0,
    already_there: plan.alreadyThere.length,
    cannot: JSON.stringify(
      plan.cannot.map(({ candidate, reason }) => ({ agent: candidate.agentName, reason })),
    ),
    warnings: JSON.stringify(plan.warnings),
    created_ms: nowMs,
    created_by: principal,
    why,
    started_ms: null,
    started_by: null,
    ended_ms: null,
    outcome: null,
    revision: 0,
    origin: 'person',
    choice_position: null,
    agents: null,
    planned_ms: nowMs,
    starts_ms: null,
    approved_by: null,
    approved_ms: null,
    split_of: null,
    starts_after: null,
    reverts: null,
  };
  await context.db.insertInto('rollouts').values(row).execute();
  await insertPlan(context, { row, plan });
  await addHistory(context, {
    nowMs,
    kind: 'rollout-pending',
    component: spec.component,
    rolloutId: row.id,
    principal,
    why,
    detail: {
      rollout: row.name,
      version: spec.version,
      agents: plan.members.length,
      alreadyThere: plan.alreadyThere.length,
      cannot: plan.cannot.length,
    },
  });
  return row;
}

export function requireSpec(spec: RolloutSpec, selector: string | null): void {
  const troubles = [...specTroubles(spec), ...selectorTroubles(spec, selector)];
  if (troubles.length > 0) throw new CodedError('rollout-spec-invalid', troubles.join('; '));
}

function requireSomebody(plan: Plan, spec: RolloutSpec): void {
  if (plan.members.length > 0) return;
  const { alreadyThere, cannot } = plan;
  throw new CodedError(
    'rollout-empty',
    `nobody would be upgraded to ${spec.component} ${spec.version}: ${alreadyThere.length} run it already, ${cannot.length} cannot`,
  );
}

async function freeName(
  context: WriteContext,
  of: { readonly name: string | null; readonly component: Component; readonly spec: RolloutSpec },
): Promise<string> {
  const base = of.name ?? `${of.component}-${of.spec.version.replaceAll('+', '-')}`;
  const taken = await context.db
    .selectFrom('rollouts')
    .select('name')
    .where('name', 'like', `${base}%`)
    .execute();
  const names = new Set(taken.map(({ name }) => name));
  if (!names.has(base)) return base;
  if (of.name !== null)
    throw new CodedError('rollout-exists', `there is a rollout ${base} already`);
  // One of so many is free.
  for (let number = 2; number <= names.size + 1; number++) {
    if (!names.has(`${base}-${number}`)) return `${base}-${number}`;
  }
  return `${base}-${names.size + 2}`;
}

async function insertPlan(
  context: WriteContext,
  of: { readonly row: RolloutTable; readonly plan: Plan },
): Promise<void> {
  const { row, plan } = of;
  const members = plan.members.map(
    ({ candidate, wave, place }): RolloutMemberTable => ({
      rollout_id: row.id,
      instance_id: candidate.instanceId,
      agent_name: candidate.agentName,
      group_name: candidate.group,
      wave,
      place,
      state: 'waiting',
      hold_reason: null,
      command_id: null,
      tries: 0,
      from_version: candidate.version,
      started_ms: null,
      ended_ms: null,
      code: null,
      message: null,
      failure: null,
      is_forgiven: 0,
      was_parked: 0,
    }),
  );
  for (let from = 0; from < members.length; from += CHUNK) {
    await context.db
      .insertInto('rollout_members')
      .values(members.slice(from, from + CHUNK))
      .execute();
  }
  const last = plan.members.at(-1)?.wave ?? 0;
  for (let wave = 0; wave <= last; wave++) {
    const waiting = plan.members.filter((member) => member.wave === wave).length;
    await addWave(context, { rolloutId: row.id, wave, waiting });
  }
}

export interface RolloutOrder extends Order {
  readonly rollout: string;
}

/** Throws `rollout-state`, `rollout-overlaps`. */
export async function startRollout(
  context: WriteContext,
  args: RolloutOrder,
): Promise<RolloutTable> {
  const row = await rolloutOf(context.db, args.rollout);
  await requireApart(context, row);
  return await moveRollout(context, row, {
    ...args,
    event: 'started',
    set: { started_ms: args.nowMs, started_by: args.principal },
  });
}

/** RO8: an agent is in one rollout at a time. */
async function requireApart(context: WriteContext, row: RolloutTable): Promise<void> {
  const found = await context.db
    .selectFrom('rollout_members as own')
    .innerJoin('rollout_members as other', 'other.instance_id', 'own.instance_id')
    .innerJoin('rollouts', 'rollouts.id', 'other.rollout_id')
    .select(['own.agent_name', 'rollouts.name'])
    .where('own.rollout_id', '=', row.id)
    .where('other.rollout_id', '<>', row.id)
    .where('other.state', 'in', ['waiting', 'upgrading', 'parked'])
    .where('rollouts.component', '=', row.component)
    .where('rollouts.state', 'in', ['running', 'paused', 'halted'])
    .limit(NAMED_MAX)
    .execute();
  const [first] = found;
  if (first === undefined) return;
  const names = found.map(({ agent_name: name }) => name).join(', ');
  throw new CodedError(
    'rollout-overlaps',
    `${names} of ${row.name} are in the rollout ${first.name}`,
    { remedy: `Wait for ${first.name}, or cancel it: \`moult rollouts cancel ${first.name}\`.` },
  );
}

export async function pauseRollout(
  context: WriteContext,
  args: RolloutOrder,
): Promise<RolloutTable> {
  const row = await rolloutOf(context.db, args.rollout);
  return await moveRollout(context, row, { ...args, event: 'paused' });
}

/** What has failed so far was seen by whoever resumes it, and test mode counts anew. */
export async function resumeRollout(
  context: WriteContext,
  args: RolloutOrder,
): Promise<RolloutTable> {
  const row = await rolloutOf(context.db, args.rollout);
  const total = sumOf((await wavesOf(context.db, row.id)).map(countsOf));
  await context.db
    .updateTable('rollout_members')
    .set({ is_forgiven: 1 })
    .where('rollout_id', '=', row.id)
    .where('state', 'in', FAILURES)
    .execute();
  return await moveRollout(context, row, {
    ...args,
    event: 'resumed',
    set: { failures_forgiven: failuresIn(total), done_at_resume: total.done },
  });
}

/** The next wave, whatever its gate says. Throws `rollout-state` where none waits to be opened. */
export async function approveRollout(
  context: WriteContext,
  args: RolloutOrder,
): Promise<RolloutTable> {
  const { nowMs, principal, why } = args;
  const row = await rolloutOf(context.db, args.rollout);
  const waves = await wavesOf(context.db, row.id);
  const verdict = verdictOf(statusOf(row, waves), nowMs);
  const next = verdict.kind === 'wait' && isGate(verdict.reason) ? waves[verdict.wave] : undefined;
  if (!isActive(row.state) || next === undefined)
    throw new CodedError('rollout-state', `no wave of ${row.name} waits for an approval`, {
      remedy: isActive(row.state)
        ? `See what it waits for: \`moult rollouts why ${row.name}\`.`
        : stateRemedyOf(row),
    });
  await context.db
    .updateTable('rollout_waves')
    .set({ is_approved: 1 })
    .where('rollout_id', '=', row.id)
    .where('wave', '=', next.wave)
    .execute();
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-approved', principal, why },
    ...{ component: row.component, rolloutId: row.id },
    detail: { rollout: row.name, wave: next.wave + 1 },
  });
  return row;
}

/** What a person may open. */
function isGate(reason: HoldReason): boolean {
  return ['awaiting-gate', 'awaiting-approval', 'awaiting-soak'].includes(reason);
}

/** Those that failed, or were rolled back, once more: in the line again, by name. */
export async function retryRollout(
  context: WriteContext,
  args: RolloutOrder,
): Promise<{ readonly row: RolloutTable; readonly agents: readonly string[] }> {
  const { nowMs, principal, why } = args;
  const row = await rolloutOf(context.db, args.rollout);
  if (!isActive(row.state))
    throw new CodedError(
      'rollout-state',
      `${row.name} is ${row.state}: make another one for those`,
      { remedy: stateRemedyOf(row) },
    );
  const failed = await context.db
    .selectFrom('rollout_members')
    .selectAll()
    .where('rollout_id', '=', row.id)
    .where('state', 'in', FAILURES)
    .orderBy('place')
    .execute();
  for (const member of failed)
    await moveMember(context, member, {
      state: 'waiting',
      nowMs,
      set: { is_forgiven: 0, was_parked: 0, failure: null },
    });
  const agents = failed.map((member) => member.agent_name);
  // They are no failures any more: what was forgiven must not be forgiven twice.
  await context.db
    .updateTable('rollouts')
    .set({ failures_forgiven: 0, revision: row.revision + 1 })
    .where('id', '=', row.id)
    .execute();
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-retried', principal, why },
    ...{ component: row.component, rolloutId: row.id },
    detail: { rollout: row.name, agents: agents.length },
  });
  return { row, agents };
}
