/*
 * RO33, RO34: what a host of a rollout takes too long for, or is away from. Read only once something has gone on for so
 * long that it can be overdue at all: most upgrades are over before.
 */
import {
  DEADLINE_MS_MIN,
  DEADLINE_PASSED,
  isOnWayBack,
  MEASURED_MAX,
  type Overdue,
  overdueOf,
  stepMsOf,
} from '@moult/core/rollout';
import type { AttemptTable, CommandTable } from '../../database.ts';
import type { RolloutMemberTable } from '../../rollout-tables.ts';
import { attemptOf } from '../attempt-rows.ts';
import { applyEvent, type Ending } from '../command-rows.ts';
import type { ReadContext, WriteContext } from '../context.ts';
import type { InstanceRow } from '../instances.ts';
import { isHeldByRestore } from '../lives.ts';
import type { ReportedUpgrade } from '../reports.ts';
import { GAVE_WAY, isSuperseded } from './giving-way.ts';
import { memberOfCommand } from './members.ts';
import { orderVersion } from './orders.ts';
import { moveMember, rolloutOf } from './rows.ts';

export interface Judging {
  readonly instance: InstanceRow;
  /** Of the instance, open. */
  readonly commands: readonly CommandTable[];
  /** Null: it is there. */
  readonly awaySinceMs: number | null;
  readonly nowMs: number;
}

export interface Overran {
  /** Something ended: others may have their turn. */
  readonly isAny: boolean;
  /** Their hosts may have them: to be told at once. */
  readonly takenBack: readonly CommandTable[];
}

export async function endOverdue(context: WriteContext, of: Judging): Promise<Overran> {
  const takenBack: CommandTable[] = [];
  let isAny = false;
  for (const command of of.commands) {
    if (!canBeOverdue(command, of.nowMs) || (await isHeldByRestore(context.db))) continue;
    const member = await memberOfCommand(context.db, command.id);
    if (member === null) continue;
    const overdue = await judged(context.db, { ...of, command, member });
    if (overdue.kind === 'in-time') continue;
    isAny = true;
    const after = await end(context, { ...of, command, member, overdue });
    if (after.state === 'revoked') takenBack.push(after);
  }
  return { isAny, takenBack };
}

function canBeOverdue({ origin, state, sent_ms: sentMs }: CommandTable, nowMs: number): boolean {
  if (origin !== 'rollout' || (state !== 'accepted' && state !== 'running')) return false;
  return nowMs - (sentMs ?? 0) >= DEADLINE_MS_MIN;
}

async function judged(
  db: ReadContext,
  of: Judging & { readonly command: CommandTable; readonly member: RolloutMemberTable },
): Promise<Overdue> {
  const { command, member, awaySinceMs, nowMs } = of;
  const attempt = await attemptOf(db, { commandId: command.id, attempt: command.attempt });
  if (attempt === null) return { kind: 'in-time' };
  const last = lastStep(of.instance, attempt);
  const { state } = await rolloutOf(db, member.rollout_id);
  const facts = {
    step: last.step,
    sinceMs: last.startedMs,
    hasSwitched: attempt.switched_ms !== null,
    awayMs: awaySinceMs === null ? null : nowMs - awaySinceMs,
    hostHoldReason: command.host_hold_reason,
    isStanding: state === 'paused' || state === 'halted',
  };
  // Below the floor it is in time, whatever others took.
  if (overdueOf({ ...facts, measuredMs: [] }, nowMs).kind === 'in-time') return { kind: 'in-time' };
  return overdueOf({ ...facts, measuredMs: await measured(db, command, last.step) }, nowMs);
}

/** Where it is: its report says each step; progress tells of those alone that move, or wait for something. */
function lastStep(
  { upgrade, upgrade_since_ms: sinceMs }: InstanceRow,
  attempt: AttemptTable,
): StepTime {
  const said = upgrade === null ? null : (JSON.parse(upgrade) as ReportedUpgrade);
  const isOfIt = said?.commandId === attempt.command_id && said.attempt === attempt.attempt;
  if (said !== null && isOfIt && sinceMs !== null) return { step: said.step, startedMs: sinceMs };
  const steps = JSON.parse(attempt.steps) as readonly StepTime[];
  // Accepted, and not begun: as long as that it may take.
  return steps.at(-1) ?? { step: 'preflight', startedMs: attempt.started_ms };
}

interface StepTime {
  readonly step: string;
  readonly startedMs: number;
}

/** How long the newest upgrades that ended well were in that step. */
async function measured(
  db: ReadContext,
  { component }: CommandTable,
  step: string,
): Promise<readonly number[]> {
  const rows = await db
    .selectFrom('attempts')
    .select('steps')
    .where('component', '=', component)
    .where('outcome', '=', 'succeeded')
    .orderBy('command_id', 'desc')
    .limit(MEASURED_MAX)
    .execute();
  return rows.flatMap((row) => {
    const steps = JSON.parse(row.steps) as readonly { step: string; startedMs: number }[];
    return stepMsOf(steps, step) ?? [];
  });
}

async function end(
  context: WriteContext,
  of: Judging & {
    readonly command: CommandTable;
    readonly member: RolloutMemberTable;
    readonly overdue: Exclude<Overdue, { readonly kind: 'in-time' }>;
  },
): Promise<CommandTable> {
  const { command, overdue, nowMs, awaySinceMs } = of;
  switch (overdue.kind) {
    case 'parked':
      return await orderAnew(context, of);
    case 'vanished': {
      const since = new Date(awaySinceMs ?? nowMs).toISOString();
      const message = `it was let to its switch, and not seen since ${since}`;
      const ending = { outcome: 'expired', code: 'host-vanished', message };
      return await applyEvent(context, command, { event: 'vanished', nowMs, ending });
    }
    case 'late':
      return await applyEvent(context, command, {
        event: 'vanished',
        nowMs,
        ending: lateEnding('expired', overdue),
      });
    case 'taken-back':
      return await applyEvent(context, command, {
        event: 'revoked',
        nowMs,
        ending: lateEnding('revoked', overdue),
      });
  }
}

function lateEnding(
  outcome: string,
  { step, tookMs, deadlineMs }: Extract<Overdue, { readonly kind: 'taken-back' | 'late' }>,
): Ending {
  const minutes = (ms: number) => Math.round(ms / 60_000);
  const message = `${step} has taken ${minutes(tookMs)} min, ${minutes(deadlineMs)} are given`;
  return { outcome, code: DEADLINE_PASSED, message };
}

/** RO34: what the host has is taken back, and it has its turn when it comes, with an order of that time. */
async function orderAnew(
  context: WriteContext,
  of: Judging & { readonly command: CommandTable; readonly member: RolloutMemberTable },
): Promise<CommandTable> {
  const { command, member, instance, nowMs, awaySinceMs } = of;
  const row = await rolloutOf(context.db, member.rollout_id);
  const tries = member.tries + 1;
  const { version } = command;
  const isRevert = isOnWayBack(member.state);
  // RO10, RO52: it went on there because its host had begun, and no other order gives way to that any more.
  const isOver = !isRevert && (await isSuperseded(context.db, { row, instance }));
  if (row.state === 'cancelled' || isOver)
    return await applyEvent(context, command, { event: 'revoked', nowMs, ending: GAVE_WAY });
  const order = await orderVersion(context, { row, instance, tries, version, isRevert, nowMs });
  // First: what becomes of the old order is nothing to the member any more.
  await moveMember(context, member, {
    state: isRevert ? 'to-roll-back' : 'parked',
    nowMs,
    set: {
      command_id: order.id,
      tries,
      hold_reason: awaySinceMs === null ? command.host_hold_reason : 'agent-down',
      was_parked: 1,
    },
  });
  const message = 'it waits for its host, and is ordered anew';
  const ending = { outcome: 'revoked', code: null, message };
  return await applyEvent(context, command, { event: 'revoked', nowMs, ending });
}
