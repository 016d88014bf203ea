/* A pending rollout in several (R7): each with a record of its own, side by side or one after the other. */
import { CodedError } from '@moult/core/errors';
import {
  dealt,
  dealtByGroup,
  type PlanWarning,
  type RolloutSpec,
  stateRemedyOf,
  wavesOver,
} from '@moult/core/rollout';
import type { RolloutMemberTable, RolloutTable } from '../../rollout-tables.ts';
import type { Order, WriteContext } from '../context.ts';
import { addHistory } from '../history.ts';
import { dropPlan, insertMembers } from './plan-rows.ts';
import { specOf } from './planning.ts';
import { freeRolloutName, moveRollout, rolloutOf } from './rows.ts';

export interface RolloutSplit extends Order {
  readonly rollout: string;
  readonly into: number;
  /** Each starts once the one before it has ended well. */
  readonly isOneByOne: boolean;
  /** Groups stay whole. */
  readonly isByGroup: boolean;
}

/**
 * RO44: its agents are theirs from then on, and it is cancelled. Throws `rollout-state`, `rollout-split-invalid`,
 * `rollout-exists`.
 */
export async function splitRollout(
  context: WriteContext,
  args: RolloutSplit,
): Promise<readonly RolloutTable[]> {
  const { nowMs, principal } = args;
  const row = await rolloutOf(context.db, args.rollout);
  if (row.state !== 'pending')
    throw new CodedError(
      'rollout-state',
      `${row.name} is ${row.state}: only what is pending is split`,
      { remedy: stateRemedyOf(row) },
    );
  const split = await partsOf(context, row, args);
  await dropPlan(context, row.id);
  const made: RolloutTable[] = [];
  // Made in one moment, which leaves their order to chance: they are listed by their ids, and so by their numbers.
  const ids = split.map(() => context.newId(nowMs)).sort();
  for (const [index, members] of split.entries()) {
    const before = args.isOneByOne ? (made.at(-1)?.id ?? null) : null;
    const id = ids[index] ?? context.newId(nowMs);
    made.push(await addPart(context, { ...args, row, id, members, number: index + 1, before }));
  }
  const names = made.map(({ name }) => name).join(', ');
  await moveRollout(context, row, {
    ...{ event: 'cancelled', nowMs, principal, why: `split in ${names}` },
  });
  return made;
}

async function partsOf(
  context: WriteContext,
  row: RolloutTable,
  { into, isByGroup }: RolloutSplit,
): Promise<readonly (readonly RolloutMemberTable[])[]> {
  const rows = await context.db
    .selectFrom('rollout_members')
    .selectAll()
    .where('rollout_id', '=', row.id)
    .orderBy('place')
    .execute();
  const members = rows.map((member) => ({ group: member.group_name, member }));
  const groups = new Set(members.map(({ group }) => group)).size;
  const most = isByGroup ? groups : members.length;
  if (into < 2 || into > most) {
    const has = isByGroup ? `agents in ${groups} groups` : `${members.length} agents`;
    throw new CodedError(
      'rollout-split-invalid',
      `${row.name} has ${has}: it cannot be split into ${into}`,
    );
  }
  const split = isByGroup ? dealtByGroup(members, into) : dealt(members, into);
  return split.map((part) => part.map(({ member }) => member));
}

async function addPart(
  context: WriteContext,
  of: RolloutSplit & {
    readonly row: RolloutTable;
    readonly id: string;
    readonly members: readonly RolloutMemberTable[];
    readonly number: number;
    /** The sibling that it follows. */
    readonly before: string | null;
  },
): Promise<RolloutTable> {
  const { row, id, members, number, before, nowMs, principal, why } = of;
  // It is for agents by name: nobody can come late to it.
  const spec: RolloutSpec = { ...specOf(row), takesLateJoiners: false };
  const name = `${row.name}-${number}`;
  const startsMs = before === null ? row.starts_ms : null;
  const starter = before === null ? row.started_by : principal;
  const part: RolloutTable = {
    ...row,
    id,
    name: await freeRolloutName(context.db, { wanted: name, base: name }),
    ...{ selector: null, agents: JSON.stringify(members.map((one) => one.agent_name).sort()) },
    spec: JSON.stringify(spec),
    ...{ state_why: '', waits_reason: null, waits_until_ms: null, revision: 0 },
    ...{ already_there: 0, cannot: '[]', warnings: warningsFor(row, members) },
    ...{ created_ms: nowMs, created_by: principal, why: why === '' ? row.why : why },
    ...{ starts_ms: startsMs, started_by: starter },
    ...{ approved_by: null, approved_ms: null, edited_by: null, idempotency_key: null },
    ...{ split_of: row.id, starts_after: before },
  };
  await context.db.insertInto('rollouts').values(part).execute();
  const waveOf = wavesOver(spec.waves, members.length);
  await insertMembers(
    context,
    members.map((member, place) => ({
      ...member,
      ...{ rollout_id: part.id, place, wave: waveOf(place) },
    })),
  );
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-pending', principal, why },
    ...{ component: part.component, rolloutId: part.id },
    detail: {
      ...{ rollout: part.name, version: part.version, agents: members.length },
      splitOf: row.name,
    },
  });
  return part;
}

/** Those that concern all, and those of its agents. */
function warningsFor(row: RolloutTable, members: readonly RolloutMemberTable[]): string {
  const names = new Set(members.map((member) => member.agent_name));
  const warnings = (JSON.parse(row.warnings) as readonly PlanWarning[]).flatMap((warning) => {
    const agents = warning.agents.filter((agent) => names.has(agent));
    return warning.agents.length > 0 && agents.length === 0 ? [] : [{ ...warning, agents }];
  });
  return JSON.stringify(warnings);
}
