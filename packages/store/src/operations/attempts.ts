import { type HoldReason, holdReasonOf, isEnded } from '@moult/core/command';
import type { AttemptTable, CommandTable } from '../database.ts';
import { attemptOf, changeAttempt } from './attempt-rows.ts';
import { applyEvent, commandOf } from './command-rows.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { addHistory, addHistoryOnce } from './history.ts';
import { holdFactsOf, isTurnTakenFrom } from './hold-facts.ts';
import { instanceById } from './instances.ts';
import { isHeldByRestore } from './lives.ts';
import { noteMemberHeld } from './rollout/members.ts';
import { startAttempt } from './sessions.ts';
import { areEnoughDown } from './turns.ts';

export interface AttemptRef {
  readonly instanceId: string;
  readonly commandId: string;
  readonly attempt: number;
  readonly nowMs: number;
}

/** Steps that history keeps of one attempt: undrained and drained again a hundred times is a defect. */
const STEPS_MAX = 200;

/** Durable in the host's inbox. What ended meanwhile stays ended, and is given back: the host must hear of it (C19). */
export async function recordAccepted(
  context: WriteContext,
  ref: AttemptRef,
): Promise<CommandTable | null> {
  const command = await commandOf(context.db, { id: ref.commandId, instanceId: ref.instanceId });
  if (command === null || command.attempt !== ref.attempt) return null;
  if (isEnded(command.state)) return command;
  if (command.kind === 'autoUpgrade') await startAttempt(context, { command, nowMs: ref.nowMs });
  await applyEvent(context, command, {
    event: 'accepted',
    nowMs: ref.nowMs,
    set: { hold_reason: null },
  });
  return null;
}

export interface AttemptProgress extends AttemptRef {
  readonly step: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Null: the host waits for nothing. */
  readonly hostHoldReason: string | null;
}

/** What has ended already is given back, as `recordAccepted` does. */
export async function recordProgress(
  context: WriteContext,
  progress: AttemptProgress,
): Promise<CommandTable | null> {
  const { instanceId, nowMs } = progress;
  const command = await commandOf(context.db, { id: progress.commandId, instanceId });
  if (command === null || command.attempt !== progress.attempt) return null;
  if (isEnded(command.state)) return command;
  if (command.kind === 'autoUpgrade') await startAttempt(context, { command, nowMs });
  await applyEvent(context, command, { event: 'progressed', nowMs, set: { hold_reason: null } });
  if (command.host_hold_reason !== progress.hostHoldReason) {
    await context.db
      .updateTable('commands')
      .set({ host_hold_reason: progress.hostHoldReason })
      .where('id', '=', command.id)
      .execute();
    if (command.pace === 'soft') await noteLeisure(context, { command, progress });
  }
  const row = await attemptOf(context.db, progress);
  if (row === null || row.ended_ms !== null) return null;
  const steps = JSON.parse(row.steps) as { step: string; startedMs: number }[];
  if (steps.at(-1)?.step !== progress.step && steps.length < STEPS_MAX) {
    steps.push({ step: progress.step, startedMs: nowMs });
  }
  await changeAttempt(context.db, {
    command_id: progress.commandId,
    attempt: progress.attempt,
    steps: JSON.stringify(steps),
    bytes_fetched: progress.bytesDone,
    bytes_total: progress.bytesTotal,
  });
  return null;
}

/** RO24: a soft upgrade that waits for its host's work gives its place back, and is passed over; it asks when that is done. */
async function noteLeisure(
  context: WriteContext,
  of: { readonly command: CommandTable; readonly progress: AttemptProgress },
): Promise<void> {
  const { command, progress } = of;
  const { hostHoldReason, nowMs } = progress;
  if (progress.step !== 'rehearsed') return;
  const isBusy = hostHoldReason === 'busy';
  if (isBusy) await setPlace(context, { commandId: command.id, hasPlace: false });
  if (!isBusy && hostHoldReason !== null) return;
  const reason = isBusy ? 'busy' : null;
  await noteMemberHeld(context, { commandId: command.id, reason, listeningSinceMs: 0, nowMs });
}

async function setPlace(
  context: WriteContext,
  of: { readonly commandId: string; readonly hasPlace: boolean },
): Promise<void> {
  await context.db
    .updateTable('commands')
    .set({ has_place: of.hasPlace ? 1 : 0, hold_reason: null })
    .where('id', '=', of.commandId)
    .execute();
}

export type PermissionAnswer =
  | { readonly kind: 'granted' }
  | { readonly kind: 'denied'; readonly reason: string; readonly isFinal: boolean };

/**
 * The coordinator's word just before draining and before the switch: the last moment at which a command can be taken
 * back (C12). What a restored store has lost waits until it is adopted; then it is over for good (RS7).
 */
export async function decidePermission(
  context: WriteContext,
  ask: AttemptRef & { readonly point: 'drain' | 'switch' },
): Promise<PermissionAnswer> {
  const { instanceId, nowMs } = ask;
  const command = await commandOf(context.db, { id: ask.commandId, instanceId });
  const instance = await instanceById(context.db, instanceId);
  if (command === null || instance === null) return denyUnknown(context, ask);
  const attempt = command.attempt;
  const names = { commandId: command.id, attempt, component: command.component };
  const about = { nowMs, agentName: instance.agent_name, instanceId, ...names };
  const refusal = await refusalOf(context.db, { command, instance, ask });
  // Who asks has it, whatever became of its answer.
  if (refusal === null || refusal.reason === 'awaiting-turn')
    await applyEvent(context, command, { event: 'accepted', nowMs, set: { hold_reason: null } });
  if (refusal !== null) {
    const detail = { point: ask.point, reason: refusal.reason, final: refusal.isFinal };
    await addHistoryOnce(context, { ...about, kind: 'permission-denied', detail });
    if (!refusal.isFinal) await noteRefused(context, command.id, refusal.reason);
    // RO1: whoever asks for it works. An earlier permission that it came back from would keep others waiting for it, and it for them.
    if (refusal.reason === 'awaiting-turn')
      await changeAttempt(context.db, { command_id: command.id, attempt, drained_ms: null });
    return { kind: 'denied', ...refusal };
  }
  if (command.has_place === 0) {
    // RO24: here, and no sooner.
    await setPlace(context, { commandId: command.id, hasPlace: true });
    const held = { commandId: command.id, reason: null, listeningSinceMs: 0, nowMs };
    await noteMemberHeld(context, held);
  }
  await startAttempt(context, { command, nowMs });
  await changeAttempt(context.db, {
    command_id: command.id,
    attempt,
    ...(ask.point === 'drain' ? { drained_ms: nowMs } : { switched_ms: nowMs }),
  });
  await addHistoryOnce(context, {
    ...about,
    kind: 'permission-granted',
    detail: { point: ask.point },
  });
  return { kind: 'granted' };
}

/** So that people see what it waits for; the next answer takes it away. */
async function noteRefused(
  context: WriteContext,
  commandId: string,
  reason: HoldReason,
): Promise<void> {
  await context.db
    .updateTable('commands')
    .set({ hold_reason: reason })
    .where('id', '=', commandId)
    .execute();
}

async function denyUnknown(
  context: WriteContext,
  ask: AttemptRef & { readonly point: string },
): Promise<PermissionAnswer> {
  const isHeld = await isHeldByRestore(context.db);
  const reason = isHeld ? 'coordinator-restored' : 'unknown-command';
  await addHistory(context, {
    nowMs: ask.nowMs,
    kind: 'permission-denied',
    instanceId: ask.instanceId,
    commandId: ask.commandId,
    attempt: ask.attempt,
    detail: { point: ask.point, reason, final: !isHeld },
  });
  return { kind: 'denied', reason, isFinal: !isHeld };
}

async function refusalOf(
  db: ReadContext,
  of: {
    readonly command: CommandTable;
    readonly instance: NonNullable<Awaited<ReturnType<typeof instanceById>>>;
    readonly ask: AttemptRef & { readonly point: 'drain' | 'switch' };
  },
): Promise<
  | { readonly reason: string; readonly isFinal: true }
  | { readonly reason: HoldReason; readonly isFinal: false }
  | null
> {
  const { command, instance, ask } = of;
  if (isEnded(command.state)) return { reason: command.state, isFinal: true };
  if (command.kind !== 'autoUpgrade') return { reason: 'no-upgrade', isFinal: true };
  if (command.attempt !== ask.attempt) return { reason: 'stale-attempt', isFinal: true };
  // C25: whatever the host makes of its record, it is let to nothing.
  if (command.pace === 'fetch-only') return { reason: 'fetch-only', isFinal: true };
  const facts = await holdFactsOf(db, {
    instance,
    command,
    isConnected: true,
    nowMs: ask.nowMs,
    hasTurn: true,
  });
  // It asks, so it is up and at this very upgrade; what remains are the reasons that can come in between.
  const state = instance.state === 'Paused' ? instance.state : 'Up';
  const now = { ...facts, state, isInProbation: false } as const;
  const isPlaceless = command.has_place === 0;
  // C24: who is in flight is waited for, and goes on to its end.
  const isInMaintenance = isPlaceless && facts.upgrade.isInMaintenance;
  const isTurnTaken = isPlaceless && (await isTurnTakenFrom(db, { instance, command }));
  const upgrade = { ...facts.upgrade, notBeforeMs: 0, isInMaintenance, isTurnTaken };
  const reason = holdReasonOf({ ...now, upgrade }, ask.nowMs);
  if (reason !== null) return { reason, isFinal: false };
  const isTaken =
    ask.point === 'drain' &&
    command.origin !== 'manual' &&
    (await areEnoughDown(db, { instance, command }));
  return isTaken ? { reason: 'awaiting-turn', isFinal: false } : null;
}

/** True when the new version may commit: attested by its own session. Said again as often as it is asked (C10). */
export async function confirmAttempt(context: WriteContext, ref: AttemptRef): Promise<boolean> {
  const row = await attemptOf(context.db, ref);
  if (row === null || row.instance_id !== ref.instanceId || row.attested_ms === null) return false;
  if (row.confirmed_ms !== null) return true;
  await changeAttempt(context.db, {
    command_id: ref.commandId,
    attempt: ref.attempt,
    confirmed_ms: ref.nowMs,
  });
  await addHistory(context, {
    nowMs: ref.nowMs,
    kind: 'confirmed',
    agentName: row.agent_name,
    instanceId: row.instance_id,
    component: row.component,
    commandId: row.command_id,
    attempt: row.attempt,
    detail: { version: row.to_version },
  });
  return true;
}

export interface AttemptView extends AttemptTable {
  readonly created_by: string;
  readonly why: string;
}

/** Newest first, by command id. */
export async function attemptPage(
  db: ReadContext,
  page: {
    readonly agent: string | null;
    /** Absent: of all, and those that no rollout ordered. */
    readonly rolloutId?: string;
    readonly commandId: string | null;
    readonly before: string | null;
    readonly limit: number;
  },
): Promise<readonly AttemptView[]> {
  let query = db
    .selectFrom('attempts')
    .innerJoin('commands', 'commands.id', 'attempts.command_id')
    .selectAll('attempts')
    .select(['commands.created_by', 'commands.why'])
    .orderBy(page.rolloutId === undefined ? 'attempts.command_id' : 'commands.id', 'desc')
    .orderBy('attempts.attempt', 'desc')
    .limit(page.limit);
  if (page.agent !== null) query = query.where('attempts.agent_name', '=', page.agent);
  if (page.rolloutId !== undefined) query = query.where('commands.rollout_id', '=', page.rolloutId);
  if (page.commandId !== null) query = query.where('attempts.command_id', '=', page.commandId);
  if (page.before !== null) query = query.where('attempts.command_id', '<', page.before);
  return query.execute();
}
