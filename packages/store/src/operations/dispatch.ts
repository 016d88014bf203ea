/*
 * What may be sent now: reads the facts, lets core name what stands in the way, writes it on each command and gives
 * those to be put on the wire (C1). Level-triggered: it may be called at any time and changes nothing twice.
 */
import { type CommandKind, type HoldReason, holdReasonOf, VANISHED_MS } from '@moult/core/command';
import { ownerHoldOf } from '@moult/core/owner-word';
import { RUNS_AT_HOST_MAX } from '@moult/core/task';
import type { CommandTable } from '../database.ts';
import {
  applyEvent,
  KIND,
  OPEN_STATES,
  openCommandsOf,
  outlivedCommandsOf,
  sendableCommandsOf,
} from './command-rows.ts';
import { componentRow } from './component-rows.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { holdFactsOf } from './hold-facts.ts';
import { hasNoLauncher } from './host-facts.ts';
import { type InstanceRow, instanceById } from './instances.ts';
import { endOverdue, type Overran } from './rollout/deadlines.ts';
import { noteMemberHeld } from './rollout/members.ts';
import { issueWantedOf } from './wanted.ts';

/** A command on the wire without an answer is sent again: ids are idempotent. */
const RESEND_MS = 60_000;
export interface Dispatching {
  readonly instanceId: string;
  readonly isConnected: boolean;
  /** How long its session has been away for certain: since this coordinator listens. Ms by the wall clock. */
  readonly listeningSinceMs: number;
  /** When its last session ended, where the store may not know yet; null: it is there, or had none. */
  readonly leftMs?: number | null;
  readonly nowMs: number;
  /** Everything that is on the wire without an answer goes out again. */
  readonly resends: boolean;
}

export interface Dispatched {
  readonly sends: readonly CommandTable[];
  readonly open: readonly CommandTable[];
  /** Their hosts may have them: to be told at once. */
  readonly takenBack: readonly CommandTable[];
  /** Something ended or was freed: others of the group may have their turn now. */
  readonly group: string | null;
}

const NOTHING: Dispatched = { sends: [], open: [], takenBack: [], group: null };

export async function dispatch(context: WriteContext, args: Dispatching): Promise<Dispatched> {
  const instance = await instanceById(context.db, args.instanceId);
  if (instance === null || instance.role === 'removed') return NOTHING;
  await noteAwaitedStart(context, { ...args, instance });
  const hasExpired = await expire(context, { ...args, instance });
  if (hasExpired || args.resends) {
    await issueWantedOf(context, { instance, nowMs: args.nowMs });
  }
  const sends: CommandTable[] = [];
  const open: CommandTable[] = [];
  const { commands, overran } = await inTime(context, { ...args, instance });
  // C17: an upgrade that waited goes out before what was ordered earlier.
  const upgrades = commands.filter(({ kind }) => kind === 'autoUpgrade');
  const others = commands.filter(({ kind }) => kind !== 'autoUpgrade');
  const reasons: SharedReasons = new Map();
  let mayBeParked = false;
  for (const command of [...upgrades, ...others]) {
    const after = await dispatchOne(context, { ...args, instance, command, reasons });
    open.push(after);
    // Held for another reason than before, one of a rollout may have given its place away.
    mayBeParked ||= command.origin === 'rollout' && after.hold_reason !== command.hold_reason;
    if (after !== command && after.state === 'sent') sends.push(after);
    else if (after.state === 'sent' && isDueAgain(after, args))
      sends.push(await sentAgain(context, after, args.nowMs));
    else if (isOnHost(after) && args.resends) sends.push(after);
  }
  if (commands.some(({ kind, nth }) => kind === 'task' && nth === RUNS_AT_HOST_MAX)) {
    await holdThoseBehind(context, args.instanceId);
  }
  return {
    sends: args.isConnected ? sends : [],
    open,
    takenBack: overran.takenBack,
    group: hasExpired || mayBeParked || overran.isAny ? instance.group_name : null,
  };
}

/** What may be sent, once what has taken too long has ended (RO33, RO34). */
async function inTime(
  context: WriteContext,
  args: Dispatching & { readonly instance: InstanceRow },
): Promise<{ readonly commands: Sendable; readonly overran: Overran }> {
  const { instance, nowMs } = args;
  const commands = await sendableCommandsOf(context.db, instance.id);
  const awaySinceMs = args.isConnected ? null : lastSeenMs(args);
  const overran = await endOverdue(context, { instance, commands, awaySinceMs, nowMs });
  if (!overran.isAny) return { commands, overran };
  return { commands: await sendableCommandsOf(context.db, instance.id), overran };
}

type Sendable = Awaited<ReturnType<typeof sendableCommandsOf>>;

const AWAITING_START: HoldReason = 'awaiting-start';

/** H14: from the switch on an agent without a launcher is down until somebody starts it, and its order waits for that. */
async function noteAwaitedStart(
  context: WriteContext,
  args: Dispatching & { readonly instance: InstanceRow },
): Promise<void> {
  const { instance, isConnected } = args;
  if (!hasNoLauncher(instance)) return;
  const command = await context.db
    .selectFrom('commands')
    .innerJoin('attempts', (join) =>
      join
        .onRef('attempts.command_id', '=', 'commands.id')
        .onRef('attempts.attempt', '=', 'commands.attempt'),
    )
    .select(['commands.id', 'commands.host_hold_reason'])
    .where('commands.instance_id', '=', instance.id)
    .where('commands.state', 'in', ['accepted', 'running'])
    .where(KIND, '=', 'autoUpgrade')
    .where('attempts.switched_ms', 'is not', null)
    .executeTakeFirst();
  if (command === undefined) return;
  const isAwaited = command.host_hold_reason === AWAITING_START;
  if (isAwaited === !isConnected) return;
  await context.db
    .updateTable('commands')
    .set({ host_hold_reason: isConnected ? null : AWAITING_START })
    .where('id', '=', command.id)
    .execute();
}

/** C4: not-after ends what no host has accepted, and a host that vanished what it has. */
async function expire(
  context: WriteContext,
  args: Dispatching & { readonly instance: InstanceRow },
): Promise<boolean> {
  const { nowMs } = args;
  const hasVanished = !args.isConnected && nowMs - lastSeenMs(args) >= VANISHED_MS;
  let hasExpired = false;
  const ended = hasVanished
    ? await openCommandsOf(context.db, args.instanceId)
    : await outlivedCommandsOf(context.db, args);
  for (const command of ended) {
    let after = command;
    if (command.not_after_ms <= nowMs) {
      const ending = { outcome: 'expired', code: null, message: 'its time has passed' };
      after = await applyEvent(context, command, { event: 'outlived', nowMs, ending });
    }
    if (hasVanished && command.host_hold_reason !== AWAITING_START) {
      const message = `the host has it, and was not seen since ${new Date(lastSeenMs(args)).toISOString()}`;
      const ending = { outcome: 'expired', code: 'host-vanished', message };
      after = await applyEvent(context, after, { event: 'vanished', nowMs, ending });
    }
    hasExpired ||= after.state === 'expired';
  }
  return hasExpired;
}

/** C22: every other order that waits has a reason by now. */
async function holdThoseBehind(context: WriteContext, instanceId: string): Promise<void> {
  const reason: HoldReason = 'earlier-runs';
  await context.db
    .updateTable('commands')
    .set({ hold_reason: reason })
    .where('instance_id', '=', instanceId)
    .where(KIND, '=', 'task')
    .where('state', '=', 'queued')
    .where('hold_reason', 'is', null)
    .execute();
}

/** A coordinator that was away itself knows of nobody since when. */
function lastSeenMs(args: Dispatching & { readonly instance: InstanceRow }): number {
  const { instance, listeningSinceMs, leftMs } = args;
  return Math.max(instance.last_seen_ms ?? 0, listeningSinceMs, leftMs ?? 0);
}

/** Of the kinds for which it is the same for all commands of an instance: hundreds of tasks may wait for one host. */
type SharedReasons = Map<CommandKind, HoldReason | null>;

async function dispatchOne(
  context: WriteContext,
  args: Dispatching & {
    readonly instance: InstanceRow;
    readonly command: CommandTable;
    readonly reasons: SharedReasons;
  },
): Promise<CommandTable> {
  const { command, nowMs, reasons } = args;
  if (command.state !== 'queued') return command;
  const shared = reasons.get(command.kind);
  const reason =
    shared === undefined ? holdReasonOf(await holdFactsOf(context.db, args), nowMs) : shared;
  // Upgrades came first: what was in their way, or went out, is known by now.
  if (command.kind !== 'autoUpgrade') reasons.set(command.kind, reason);
  if (command.origin === 'rollout')
    await noteMemberHeld(context, { ...args, commandId: command.id, reason });
  if (reason === null) {
    await noteOverridden(context, args);
    return applyEvent(context, command, {
      event: 'sent',
      nowMs,
      set: { hold_reason: null, sent_ms: nowMs },
    });
  }
  if (reason === command.hold_reason) return command;
  await context.db
    .updateTable('commands')
    .set({ hold_reason: reason })
    .where('id', '=', command.id)
    .execute();
  return { ...command, hold_reason: reason };
}

/** P6: the owner of a host was not asked; history says so. */
async function noteOverridden(
  context: WriteContext,
  of: {
    readonly instance: InstanceRow;
    readonly command: CommandTable;
    readonly nowMs: number;
  },
): Promise<void> {
  const { instance, command, nowMs } = of;
  if (command.kind !== 'autoUpgrade' || command.is_forced === 0) return;
  const { id: commandId, component, version, attempt } = command;
  const row = await componentRow(context.db, { instanceId: instance.id, component });
  const hold = ownerHoldOf(JSON.parse(instance.marks) as readonly string[], {
    component,
    version,
    isForced: false,
    currentVersion: row?.current_version ?? null,
  });
  if (hold === null) return;
  const names = { agentName: instance.agent_name, instanceId: instance.id };
  await addHistory(context, {
    nowMs,
    kind: 'owner-overridden',
    ...names,
    component,
    commandId,
    attempt,
    principal: command.created_by,
    why: command.why,
    detail: { hold, version },
  });
}

/**
 * RS16: what a store takes for accepted may have ended in a life of it that was lost, without anybody having noticed yet:
 * the host, asked again, says how it ended.
 */
function isOnHost(command: CommandTable): boolean {
  return command.state === 'accepted' || command.state === 'running';
}

function isDueAgain(command: CommandTable, args: Dispatching): boolean {
  return args.resends || args.nowMs - (command.sent_ms ?? 0) >= RESEND_MS;
}

async function sentAgain(
  context: WriteContext,
  command: CommandTable,
  nowMs: number,
): Promise<CommandTable> {
  await context.db
    .updateTable('commands')
    .set({ sent_ms: nowMs })
    .where('id', '=', command.id)
    .execute();
  return { ...command, sent_ms: nowMs };
}

/** C3: a session's end takes back what nobody answered. Null: every session's (the coordinator starts). */
export async function lapse(
  context: WriteContext,
  args: { readonly instanceId: string | null; readonly nowMs: number },
): Promise<void> {
  let query = context.db.selectFrom('commands').selectAll().where('state', '=', 'sent');
  if (args.instanceId !== null) query = query.where('instance_id', '=', args.instanceId);
  const reason: HoldReason = 'agent-down';
  for (const row of await query.execute()) {
    await applyEvent(context, row, {
      event: 'lapsed',
      nowMs: args.nowMs,
      set: { hold_reason: reason },
    });
  }
}

/** Instances with commands that wait or are on the wire, for turns in a group; for the sweep (null) also with those that a host has. */
export async function openInstanceIds(
  db: ReadContext,
  of: { readonly group: string | null },
): Promise<readonly string[]> {
  let query = db
    .selectFrom('commands')
    .select('instance_id')
    .distinct()
    .where('state', 'in', of.group === null ? OPEN_STATES : ['queued', 'sent']);
  if (of.group !== null) query = query.where('group_name', '=', of.group);
  return (await query.execute()).map((row) => row.instance_id);
}
