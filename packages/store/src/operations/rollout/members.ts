/* What becomes of the members of rollouts when their commands end, or are held. */
import type { EndedState, HoldReason } from '@moult/core/command';
import {
  isActive,
  isOnWayBack,
  isParkedFor,
  lastStepOf,
  type MemberState,
  memberEndOf,
  readSpec,
  stateAfterFailure,
} from '@moult/core/rollout';
import type { CommandTable } from '../../database.ts';
import type { RolloutMemberTable } from '../../rollout-tables.ts';
import type { ReadContext, WriteContext } from '../context.ts';
import { prepared } from '../prepared.ts';
import { haltRollout, moveToDone } from './halt.ts';
import { moveMember, rolloutOf } from './rows.ts';

export async function memberOfCommand(
  db: ReadContext,
  commandId: string,
): Promise<RolloutMemberTable | null> {
  const [row] = await ofCommand(db, { commandId });
  return row ?? null;
}

const ofCommand = prepared((db, of: { readonly commandId: string }) =>
  db.selectFrom('rollout_members').selectAll().where('command_id', '=', of.commandId),
);

/** RO7: a member is what became of its command. Called for each end of one, a late correction too. */
export async function noteMemberEnd(
  context: WriteContext,
  command: CommandTable & { readonly state: EndedState },
  nowMs: number,
): Promise<void> {
  const member = await memberOfCommand(context.db, command.id);
  if (member === null) return;
  // Its time in the queue has passed while it was away: it never had its turn.
  if (command.state === 'expired' && member.state === 'parked') return;
  if (hasGoneBack(member)) return await noteWayBackEnd(context, { member, command, nowMs });
  const { code, message } = command;
  const { step, from: left } = await lastAttempt(context.db, command);
  const { state, failure } = memberEndOf({ ...command, step });
  // RO35: what the attempt left is nearer the truth than what was planned.
  const from = left ?? member.from_version;
  const set = { code, message, failure, from_version: from };
  if (state === 'done') return await moveToDone(context, member, { nowMs, set });
  if (failure !== 'trial' || state !== 'rolled-back') {
    await moveMember(context, member, { state, nowMs, set });
    return;
  }
  const row = await rolloutOf(context.db, member.rollout_id);
  // RO35: of one that is over nobody is ordered anything more.
  const spec = isActive(row.state) ? readSpec(row.spec) : null;
  const after = spec === null ? state : stateAfterFailure(spec, { kind: failure, from });
  await moveMember(context, member, { state: after, nowMs, set });
}

/** Or its way back has failed, and may be corrected still. */
function hasGoneBack({ state, failure }: RolloutMemberTable): boolean {
  return isOnWayBack(state) || failure === 'roll-back';
}

/** RO35, RO37: it is back, or it stays what it was, and a way back that failed halts its rollout. */
async function noteWayBackEnd(
  context: WriteContext,
  of: {
    readonly member: RolloutMemberTable;
    readonly command: CommandTable & { readonly state: EndedState };
    readonly nowMs: number;
  },
): Promise<void> {
  const { member, command, nowMs } = of;
  const { code, message } = command;
  const { step } = await lastAttempt(context.db, command);
  const { failure } = memberEndOf({ ...command, step });
  if (command.state === 'succeeded') {
    const set = member.failure === 'roll-back' ? { failure: 'after-commit' } : {};
    await moveMember(context, member, { state: 'rolled-back', nowMs, set });
  } else if (failure === null) {
    // A person took it back.
    const state = member.failure === null ? 'done' : 'failed';
    await moveMember(context, member, { state, nowMs });
  } else await failWayBack(context, { member, nowMs, code, message });
}

/** RO37: it runs what it should not, and nobody else is to follow it there. */
export async function failWayBack(
  context: WriteContext,
  of: {
    readonly member: RolloutMemberTable;
    readonly nowMs: number;
    readonly code: string | null;
    readonly message: string | null;
  },
): Promise<void> {
  const { member, nowMs, code, message } = of;
  const set = { code, message, failure: 'roll-back' };
  await moveMember(context, member, { state: 'failed', nowMs, set });
  const row = await rolloutOf(context.db, member.rollout_id);
  if (row.state !== 'running' && row.state !== 'paused') return;
  const why = `${member.agent_name} could not go back${message === null ? '' : `: ${message}`}`;
  await haltRollout(context, row, { nowMs, why });
}

/** `from`: null where it is not known, or was that version already. */
async function lastAttempt(
  db: ReadContext,
  command: CommandTable,
): Promise<{ readonly step: string | null; readonly from: string | null }> {
  const row = await db
    .selectFrom('attempts')
    .select(['steps', 'from_version'])
    .where('command_id', '=', command.id)
    .where('attempt', '=', command.attempt)
    .executeTakeFirst();
  if (row === undefined) return { step: null, from: null };
  const { steps, from_version: from } = row;
  return {
    step: lastStepOf(JSON.parse(steps) as { step: string }[]),
    from: from === command.version ? null : from,
  };
}

/** Where one is that does not go on for its host's sake: it takes nobody's place. */
const HELD_AS: Readonly<Partial<Record<MemberState, MemberState>>> = {
  upgrading: 'parked',
  'rolling-back': 'to-roll-back',
};
const GOES_ON_AS: Readonly<Partial<Record<MemberState, MemberState>>> = {
  parked: 'upgrading',
  'to-roll-back': 'rolling-back',
};

/** RO1: one that was held, and whose host has its order all the same, takes its place. */
export async function noteMemberTaken(
  context: WriteContext,
  of: { readonly commandId: string; readonly nowMs: number },
): Promise<void> {
  const member = await memberOfCommand(context.db, of.commandId);
  const state = member === null ? undefined : GOES_ON_AS[member.state];
  if (member === null || state === undefined) return;
  await moveMember(context, member, { state, nowMs: of.nowMs });
}

/** What the queue says of a member's command: away when its turn came, it is parked and takes nobody's place. */
export async function noteMemberHeld(
  context: WriteContext,
  of: {
    readonly commandId: string;
    readonly reason: HoldReason | null;
    readonly listeningSinceMs: number;
    readonly nowMs: number;
  },
): Promise<void> {
  const { commandId, reason, listeningSinceMs, nowMs } = of;
  const member = await memberOfCommand(context.db, commandId);
  if (member === null) return;
  const held = HELD_AS[member.state];
  const goesOn = GOES_ON_AS[member.state];
  if (reason === null) {
    if (goesOn !== undefined) await moveMember(context, member, { state: goesOn, nowMs });
  } else if (held !== undefined && isParkedFor(reason, nowMs - listeningSinceMs)) {
    const parked = held === 'parked' ? { was_parked: 1 as const } : {};
    const set = { hold_reason: reason, ...parked };
    await moveMember(context, member, { state: held, nowMs, set });
  } else if (goesOn !== undefined && member.hold_reason !== reason) {
    const set = { hold_reason: reason };
    await moveMember(context, member, { state: member.state, nowMs, set });
  }
}
