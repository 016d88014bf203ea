/* What operators do with rollouts. Each is one transaction with its history. */
import type { HoldReason } from '@moult/core/command';
import { CodedError } from '@moult/core/errors';
import {
  failuresOf,
  isActive,
  isFailure,
  MEMBER_STATES,
  readSpec,
  stateRemedyOf,
  sumOf,
  WAY_BACK,
} from '@moult/core/rollout';
import type { RolloutTable } from '../../rollout-tables.ts';
import type { Order, WriteContext } from '../context.ts';
import { addHistory } from '../history.ts';
import { keepThose } from './halt.ts';
import { approveStart } from './planning.ts';
import { countsOf, judged, moveMember, moveRollout, rolloutOf, wavesOf } from './rows.ts';

const FAILURES = MEMBER_STATES.filter(isFailure);
/** RO4: those on their way back, too. */
const COUNTED = [...FAILURES, ...WAY_BACK] as const;

export interface RolloutOrder extends Order {
  readonly rollout: string;
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
  await keepThose(context, { row, nowMs: args.nowMs });
  const total = sumOf((await wavesOf(context.db, row.id)).map(countsOf));
  const spec = readSpec(row.spec);
  await context.db
    .updateTable('rollout_members')
    .set({ is_forgiven: 1 })
    .where('rollout_id', '=', row.id)
    .where('state', 'in', spec?.goesOnAfterRollBack === true ? ['failed'] : COUNTED)
    .execute();
  return await moveRollout(context, row, {
    ...args,
    event: 'resumed',
    set: {
      failures_forgiven: spec === null ? 0 : failuresOf(spec, total),
      done_at_resume: total.done,
    },
  });
}

/** The start of what is pending, or the next wave, whatever its gate says. Throws `rollout-state` where nothing waits for it. */
export async function approveRollout(
  context: WriteContext,
  args: RolloutOrder,
): Promise<RolloutTable> {
  const { nowMs, principal, why } = args;
  const row = await rolloutOf(context.db, args.rollout);
  if (row.state === 'pending') return await approveStart(context, { ...args, row });
  const waves = await wavesOf(context.db, row.id);
  const verdict = await judged(context.db, { row, waves, nowMs });
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
      set: { was_parked: 0, failure: null },
    });
  const agents = failed.map((member) => member.agent_name);
  await context.db
    .updateTable('rollouts')
    .set({ revision: row.revision + 1 })
    .where('id', '=', row.id)
    .execute();
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-retried', principal, why },
    ...{ component: row.component, rolloutId: row.id },
    detail: { rollout: row.name, agents: agents.length },
  });
  return { row, agents };
}
