/*
 * Taking a command back. `skip` is for what has not begun to cost anything: until its fetching starts (R11).
 * `revoke` ends whatever is open: what has not switched will not, and what has goes on to its end, with nobody waiting
 * for it any more (C12, C20).
 */
import { isEnded } from '@moult/core/command';
import { CodedError } from '@moult/core/errors';
import { sql } from 'kysely';
import type { CommandTable } from '../database.ts';
import { attemptOf } from './attempt-rows.ts';
import { applyEvent, KIND } from './command-rows.ts';
import { commandById } from './commands.ts';
import type { Order, ReadContext, WriteContext } from './context.ts';
import { instanceById } from './instances.ts';
import { prepared } from './prepared.ts';
import type { ReportedUpgrade } from './reports.ts';

export interface TakingBack extends Order {
  readonly id: string;
}

export interface TakenBack {
  readonly command: CommandTable;
  /**
   * `ending`: the host has the task, and is told to end it. `too-late`: the switch was granted before; the host ends it by
   * itself, and its report counts (C15).
   */
  readonly effect: 'stopped' | 'ending' | 'too-late';
}

/** Throws `not-found`, `command-ended`. */
export async function revokeCommand(context: WriteContext, args: TakingBack): Promise<TakenBack> {
  const command = await openCommand(context, args.id);
  const attempt = await attemptOf(context.db, { commandId: command.id, attempt: command.attempt });
  const isLate = attempt !== null && attempt.switched_ms !== null;
  const after = await applyEvent(context, command, {
    event: 'revoked',
    nowMs: args.nowMs,
    ending: endingOf('revoked', args),
  });
  if (isLate) return { command: after, effect: 'too-late' };
  return { command: after, effect: isTaskOnHost(command) ? 'ending' : 'stopped' };
}

/** Throws `not-found`, `command-ended`, and `too-late` once the host has begun to fetch. */
export async function skipCommand(context: WriteContext, args: TakingBack): Promise<TakenBack> {
  const command = await openCommand(context, args.id);
  const step = await stepOf(context, command);
  const after =
    step === null || step === 'preflight'
      ? await applyEvent(context, command, {
          event: 'skipped',
          nowMs: args.nowMs,
          ending: endingOf('skipped', args),
        })
      : command;
  if (after.state === 'skipped') return { command: after, effect: 'stopped' };
  throw new CodedError(
    'too-late',
    `${command.agent_name} is past the point of skipping ${command.id}: ${step ?? command.state}`,
  );
}

function isTaskOnHost({ kind, state }: CommandTable): boolean {
  return kind === 'task' && (state === 'accepted' || state === 'running');
}

/** Of one host: told anew at each session, but not for ever; older ones were lost, or their host is. */
const UNTOLD_MAX = 200;
const UNTOLD_MS_MAX = 30 * 86_400_000;

const untoldOf = prepared((db, of: { readonly instanceId: string; readonly sinceMs: number }) =>
  db
    .selectFrom('commands')
    .selectAll()
    .where('instance_id', '=', of.instanceId)
    .where(KIND, '=', 'task')
    .where('state', 'in', ['revoked', 'skipped', 'expired'])
    .where('code', 'is', null)
    .where('sent_ms', 'is not', null)
    .where('host_ended_ms', 'is', null)
    .where('ended_ms', '>', of.sinceMs)
    .orderBy('ended_ms', 'desc')
    .limit(sql.lit(UNTOLD_MAX)),
);

/**
 * Tasks that were taken back, and of which their host has not said that they are over: it may have them still (C19). What
 * nobody took back, but ended here because its host was away or this store was, runs to its end: it counts then (C15).
 */
export async function takenBackTasks(
  db: ReadContext,
  of: { readonly instanceId: string; readonly nowMs: number },
): Promise<readonly CommandTable[]> {
  return untoldOf(db, { instanceId: of.instanceId, sinceMs: of.nowMs - UNTOLD_MS_MAX });
}

/** What the host said last of this very command; null: nothing. */
async function stepOf(context: WriteContext, command: CommandTable): Promise<string | null> {
  const instance = await instanceById(context.db, command.instance_id);
  if (instance === null || instance.upgrade === null) return null;
  const reported = JSON.parse(instance.upgrade) as ReportedUpgrade;
  return reported.commandId === command.id ? reported.step : null;
}

async function openCommand(context: WriteContext, id: string): Promise<CommandTable> {
  const command = await commandById(context.db, id);
  if (command === null) throw new CodedError('not-found', `there is no command ${id}`);
  if (!isEnded(command.state)) return command;
  throw new CodedError('command-ended', `the command ${id} has ended: ${command.state}`);
}

function endingOf(outcome: string, args: TakingBack) {
  const message = args.why === '' ? `${outcome} by ${args.principal}` : args.why;
  return { outcome, code: null, message, principal: args.principal };
}
