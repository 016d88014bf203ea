/* Leaving agents of a rollout out: one, until its fetching starts (R11), or all that have no permission for the switch (R5). */
import { isEnded } from '@moult/core/command';
import { CodedError } from '@moult/core/errors';
import { isOnWayBack, type MemberState, UNSETTLED } from '@moult/core/rollout';
import type { CommandTable } from '../../database.ts';
import type { RolloutMemberTable, RolloutTable } from '../../rollout-tables.ts';
import { attemptOf } from '../attempt-rows.ts';
import { applyEvent } from '../command-rows.ts';
import { commandById } from '../commands.ts';
import type { WriteContext } from '../context.ts';
import { addHistory } from '../history.ts';
import { skipCommand } from '../taking-back.ts';
import { moveMember, moveRollout, rolloutOf } from './rows.ts';
import type { RolloutOrder } from './steering.ts';

export type CancelAnswer = 'stopped' | 'too-late' | 'done' | 'over';

export interface Cancelled {
  readonly row: RolloutTable;
  readonly agents: readonly { readonly agent: string; readonly answer: CancelAnswer }[];
  /** Their hosts may have them: to be told at once. */
  readonly takenBack: readonly CommandTable[];
}

/** RO10: nobody starts any more, and each agent has its answer. */
export async function cancelRollout(context: WriteContext, args: RolloutOrder): Promise<Cancelled> {
  const before = await rolloutOf(context.db, args.rollout);
  const row = await moveRollout(context, before, { ...args, event: 'cancelled' });
  const members = await context.db
    .selectFrom('rollout_members')
    .selectAll()
    .where('rollout_id', '=', row.id)
    .orderBy('place')
    .execute();
  const agents: { agent: string; answer: CancelAnswer }[] = [];
  const takenBack: CommandTable[] = [];
  for (const member of members) {
    const { answer, command } = await stopMember(context, member, args);
    agents.push({ agent: member.agent_name, answer });
    if (command !== null) takenBack.push(command);
  }
  return { row, agents, takenBack };
}

async function stopMember(
  context: WriteContext,
  member: RolloutMemberTable,
  args: RolloutOrder,
): Promise<{ readonly answer: CancelAnswer; readonly command: CommandTable | null }> {
  const { nowMs, principal, why } = args;
  if (member.state === 'done') return { answer: 'done', command: null };
  if (!UNSETTLED.includes(member.state)) return { answer: 'over', command: null };
  const command =
    member.command_id === null ? null : await commandById(context.db, member.command_id);
  if (command === null || isEnded(command.state)) {
    await moveMember(context, member, { state: stoppedAs(member), nowMs });
    return { answer: 'stopped', command: null };
  }
  const attempt = await attemptOf(context.db, { commandId: command.id, attempt: command.attempt });
  // Its switch was granted: it goes on to its end, which counts.
  if (attempt !== null && attempt.switched_ms !== null)
    return { answer: 'too-late', command: null };
  const message = why === '' ? `the rollout was cancelled by ${principal}` : why;
  const after = await applyEvent(context, command, {
    event: 'revoked',
    nowMs,
    ending: { outcome: 'revoked', code: null, message, principal },
  });
  return { answer: 'stopped', command: after };
}

/** RO35: whoever is not brought back stays what it was. */
function stoppedAs({ state, failure }: RolloutMemberTable): MemberState {
  if (!isOnWayBack(state)) return 'stopped';
  return failure === null ? 'done' : 'failed';
}

/** Throws `not-found`, `rollout-state` for one that is over, `too-late` once its host has begun to fetch. */
export async function skipRolloutAgent(
  context: WriteContext,
  args: RolloutOrder & { readonly agentName: string },
): Promise<{ readonly row: RolloutTable; readonly takenBack: CommandTable | null }> {
  const { agentName, nowMs, principal, why } = args;
  const row = await rolloutOf(context.db, args.rollout);
  const member = await context.db
    .selectFrom('rollout_members')
    .selectAll()
    .where('rollout_id', '=', row.id)
    .where('agent_name', '=', agentName)
    .executeTakeFirst();
  if (member === undefined)
    throw new CodedError('not-found', `${agentName} is not in the rollout ${row.name}`);
  if (!UNSETTLED.includes(member.state))
    throw new CodedError('rollout-state', `${agentName} is over in ${row.name}: ${member.state}`, {
      remedy: `See how it ended: \`moult rollouts report ${row.name} --agent ${agentName}\`.`,
    });
  const takenBack = await skipMember(context, member, args);
  await addHistory(context, {
    ...{ nowMs, kind: 'rollout-agent-skipped', principal, why },
    ...{ component: row.component, rolloutId: row.id },
    ...{ agentName, instanceId: member.instance_id },
    detail: { rollout: row.name, version: row.version },
  });
  return { row, takenBack };
}

async function skipMember(
  context: WriteContext,
  member: RolloutMemberTable,
  { nowMs, principal, why }: RolloutOrder,
): Promise<CommandTable | null> {
  if (member.command_id !== null && !hasNoOrder(member)) {
    const order = { nowMs, principal, why };
    return (await skipCommand(context, { id: member.command_id, ...order })).command;
  }
  const message = why === '' ? `skipped by ${principal}` : why;
  const isGoingBack = member.state === 'to-roll-back';
  const state = isGoingBack ? stoppedAs(member) : 'skipped';
  await moveMember(context, member, { state, nowMs, ...(isGoingBack ? {} : { set: { message } }) });
  return null;
}

/** What it was ordered before is over. */
function hasNoOrder({ state, hold_reason: held }: RolloutMemberTable): boolean {
  return state === 'waiting' || (state === 'to-roll-back' && held === null);
}
