/*
 * RO52, RO56: agents leave rollouts of choices that hold for them no more, because a newer one does or because they were put into
 * another group; whom a host has begun with stays to its end. A rollout that is left with nobody is over.
 */
import { type CommandState, isEnded, OUTDATED } from '@moult/core/command';
import type { Component } from '@moult/core/component';
import type { DesiredScope } from '@moult/core/desired';
import { type MemberState, type RolloutState, UNSETTLED } from '@moult/core/rollout';
import type { RolloutMemberTable, RolloutTable } from '../../rollout-tables.ts';
import { choicesOf, chosenAmong } from '../choices.ts';
import { applyEvent, type Ending } from '../command-rows.ts';
import { commandById } from '../commands.ts';
import { COORDINATOR, type Order, type ReadContext, type WriteContext } from '../context.ts';
import type { InstanceRow } from '../instances.ts';
import { moveMember, moveRollout, rolloutOf } from './rows.ts';

/** Those that go back after an error do that first. */
const GIVING_WAY: readonly MemberState[] = ['waiting', 'parked', 'upgrading'];
const SUPERSEDABLE: RolloutState[] = [
  'draft',
  'planning',
  'pending',
  'running',
  'paused',
  'halted',
  'ended',
];
const NOT_ON_HOST: readonly CommandState[] = ['queued', 'sent'];
const ANOTHER = 'another version was chosen';
const MOVED = 'it was moved to another group';
const NOBODY_LEFT = 'all of its agents were moved to other groups';
/** Of an order that gave way to another choice. */
export const GAVE_WAY: Ending = {
  ...{ outcome: OUTDATED, code: OUTDATED, message: ANOTHER, principal: COORDINATOR },
};

/** RO52: agents that an automatic rollout has not begun with leave it; where nobody else is in it, it is over. */
export async function supersede(
  context: WriteContext,
  of: Order & {
    readonly scope: DesiredScope;
    readonly subject: string;
    readonly component: Component;
    readonly concerned: readonly { readonly instanceId: string }[];
  },
): Promise<void> {
  const { component, concerned, nowMs } = of;
  const ids = new Set(concerned.map(({ instanceId }) => instanceId));
  const rollouts = await context.db
    .selectFrom('rollouts')
    .selectAll()
    .where('origin', '=', 'choice')
    .where('component', '=', component)
    .where('state', 'in', SUPERSEDABLE)
    .execute();
  for (const row of rollouts) {
    const members = await context.db
      .selectFrom('rollout_members')
      .selectAll()
      .where('rollout_id', '=', row.id)
      .where('state', 'in', UNSETTLED)
      .execute();
    const leaving = members.filter(
      (member) => ids.has(member.instance_id) && GIVING_WAY.includes(member.state),
    );
    for (const member of leaving) await leave(context, { member, nowMs, why: ANOTHER });
    const isLeft = leaving.length === members.length;
    // An agent may come back to the choice that its own one hides: then it has its place here.
    if (!isLeft || row.state === 'ended' || of.scope === 'agent') continue;
    // One in which nobody was left before is over by a newer choice for the same ones, and by no other.
    if (leaving.length === 0 && !(await isChoiceFor(context.db, { row, ...of }))) continue;
    await endLeft(context, row, { ...of, why: ANOTHER });
  }
}

async function endLeft(context: WriteContext, row: RolloutTable, order: Order): Promise<void> {
  const { nowMs, principal, why } = order;
  const set = { outcome: 'superseded' } as const;
  await moveRollout(context, row, { nowMs, principal, why, event: 'cancelled', set });
}

/** Whom a rollout was chosen for: its choice may be gone, what is recorded of it is not. */
async function isChoiceFor(
  db: ReadContext,
  of: { readonly row: RolloutTable; readonly scope: DesiredScope; readonly subject: string },
): Promise<boolean> {
  const made = await db
    .selectFrom('history')
    .select('detail')
    .where('position', '=', of.row.choice_position)
    .executeTakeFirst();
  const detail = JSON.parse(made?.detail ?? '{}') as Readonly<Record<string, unknown>>;
  return detail['scope'] === of.scope && detail['subject'] === of.subject;
}

/** RO52: of an agent whose host has begun, and stays in it so long: what it was chosen for holds here no more. */
export async function isSuperseded(
  db: ReadContext,
  of: { readonly row: RolloutTable; readonly instance: InstanceRow },
): Promise<boolean> {
  const { row, instance } = of;
  if (row.origin !== 'choice') return false;
  const { agent_name: agentName, group_name: group } = instance;
  const choices = await choicesOf(db, { group, agentName });
  const { desired, choice } = chosenAmong(choices, { agentName, group, component: row.component });
  if (desired === null || choice === null || !('position' in desired)) return true;
  // As `wayOfChoice` finds it.
  return row.choice_position !== choice.position && row.choice_position !== desired.position;
}

/** RO56: of an agent that was put into another group: rollouts of choices that hold for it no more are left as they are for a newer choice (RO52). */
export async function leaveOtherChoices(
  context: WriteContext,
  of: Order & { readonly instance: InstanceRow },
): Promise<void> {
  const { instance, nowMs } = of;
  const members = await context.db
    .selectFrom('rollout_members')
    .selectAll()
    .where('instance_id', '=', instance.id)
    .where('state', 'in', GIVING_WAY)
    .execute();
  for (const member of members) {
    const row = await rolloutOf(context.db, member.rollout_id);
    if (!SUPERSEDABLE.includes(row.state)) continue;
    if (!(await isSuperseded(context.db, { row, instance }))) continue;
    await leave(context, { member, nowMs, why: MOVED });
    if (row.state === 'ended' || !(await isForsaken(context.db, row.id))) continue;
    await endLeft(context, row, { ...of, why: NOBODY_LEFT });
  }
}

/** Nobody is left in it, and it has upgraded nobody: it would stand there for ever, or say that it has ended well. */
async function isForsaken(db: ReadContext, rolloutId: string): Promise<boolean> {
  const other = await db
    .selectFrom('rollout_members')
    .select('state')
    .where('rollout_id', '=', rolloutId)
    .where('state', 'not in', ['stopped', 'skipped'])
    .limit(1)
    .executeTakeFirst();
  return other === undefined;
}

/** Whom the host has begun with goes on to its end, which counts there. */
async function leave(
  context: WriteContext,
  of: { readonly member: RolloutMemberTable; readonly nowMs: number; readonly why: string },
): Promise<void> {
  const { member, nowMs, why } = of;
  const command =
    member.command_id === null ? null : await commandById(context.db, member.command_id);
  const isOpen = command !== null && !isEnded(command.state);
  if (isOpen && !NOT_ON_HOST.includes(command.state)) return;
  if (isOpen) {
    const event = command.state === 'queued' ? 'skipped' : 'revoked';
    await applyEvent(context, command, { event, nowMs, ending: { ...GAVE_WAY, message: why } });
  } else {
    const set = { code: OUTDATED, message: why };
    await moveMember(context, member, { state: 'stopped', nowMs, set });
  }
}
