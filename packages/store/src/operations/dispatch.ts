/*
 * What may be sent now: reads the facts, lets core name what stands in the way, writes it on each command and gives
 * those to be put on the wire (C1). Level-triggered: it may be called at any time and changes nothing twice.
 */
import { type HoldFacts, type HoldReason, holdReasonOf } from '@moult/core/command';
import { compareVersions } from '@moult/core/versions';
import type { CommandTable } from '../database.ts';
import { applyEvent, IN_FLIGHT_STATES, openCommandsOf } from './command-rows.ts';
import { componentRow } from './component-rows.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { type InstanceRow, instanceById } from './instances.ts';
import { platformOf } from './releases.ts';
import type { Slot } from './reports.ts';
import { issueWanted } from './wanted.ts';

/** A command on the wire without an answer is sent again: ids are idempotent. */
const RESEND_MS = 60_000;

export interface Dispatching {
  readonly instanceId: string;
  readonly isConnected: boolean;
  readonly nowMs: number;
  /** Everything that is on the wire without an answer goes out again. */
  readonly resends: boolean;
}

export interface Dispatched {
  readonly sends: readonly CommandTable[];
  readonly open: readonly CommandTable[];
  /** Something ended or was freed: others of the group may have their turn now. */
  readonly group: string | null;
}

export async function dispatch(context: WriteContext, args: Dispatching): Promise<Dispatched> {
  const instance = await instanceById(context.db, args.instanceId);
  if (instance === null) return { sends: [], open: [], group: null };
  const hasExpired = await expire(context, args);
  if (hasExpired || args.resends) {
    await issueWanted(context, { instanceIds: [args.instanceId], nowMs: args.nowMs });
  }
  const sends: CommandTable[] = [];
  const open: CommandTable[] = [];
  for (const command of await openCommandsOf(context.db, args.instanceId)) {
    const after = await dispatchOne(context, { ...args, instance, command });
    open.push(after);
    if (after !== command && after.state === 'sent') sends.push(after);
    else if (after.state === 'sent' && isDueAgain(after, args))
      sends.push(await sentAgain(context, after, args.nowMs));
  }
  return {
    sends: args.isConnected ? sends : [],
    open,
    group: hasExpired ? instance.group_name : null,
  };
}

/** C4: not-after ends what no host has accepted. */
async function expire(context: WriteContext, args: Dispatching): Promise<boolean> {
  let hasExpired = false;
  for (const command of await openCommandsOf(context.db, args.instanceId)) {
    if (command.not_after_ms > args.nowMs) continue;
    const after = await applyEvent(context, command, {
      event: 'outlived',
      nowMs: args.nowMs,
      ending: { outcome: 'expired', code: null, message: 'its time has passed' },
    });
    hasExpired ||= after.state === 'expired';
  }
  return hasExpired;
}

async function dispatchOne(
  context: WriteContext,
  args: Dispatching & { readonly instance: InstanceRow; readonly command: CommandTable },
): Promise<CommandTable> {
  const { command, nowMs } = args;
  if (command.state !== 'queued') return command;
  const facts = await holdFactsOf(context.db, args);
  const reason = holdReasonOf(facts, nowMs);
  if (reason === null) {
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

/** The facts of one command; `isConnected` is the only one that no table has. */
export async function holdFactsOf(
  db: ReadContext,
  of: {
    readonly instance: InstanceRow;
    readonly command: CommandTable;
    readonly isConnected: boolean;
  },
): Promise<HoldFacts> {
  const { instance, command } = of;
  const { component, version } = command;
  const built = await platformOf(db, { component, version, platform: instance.platform });
  const row = await componentRow(db, { instanceId: instance.id, component });
  const launcher = await componentRow(db, { instanceId: instance.id, component: 'launcher' });
  const refused = JSON.parse(row?.refused ?? '[]') as readonly Slot[];
  const marks = JSON.parse(instance.marks) as readonly string[];
  const others = db
    .selectFrom('commands')
    .select('id')
    .where('state', 'in', IN_FLIGHT_STATES)
    .where('id', '<>', command.id)
    .limit(1);
  const mine = await others.where('instance_id', '=', instance.id).executeTakeFirst();
  const groups =
    command.origin === 'manual'
      ? undefined
      : await others
          .where('group_name', '=', instance.group_name)
          .where('component', '=', component)
          .where('instance_id', '<>', instance.id)
          .executeTakeFirst();
  return {
    state: of.isConnected ? instance.state : 'Down',
    isValidated: instance.validated_ms !== null,
    isQuarantined: instance.quarantined_ms !== null,
    isInProbation: marks.includes('probation'),
    isUpgradeInFlight: mine !== undefined,
    isForced: command.is_forced === 1,
    isRevert: command.is_revert === 1,
    hasPlatform: built !== null,
    isLauncherTooOld: isOlder(launcher?.current_version ?? null, built?.minimum_launcher ?? null),
    isRefusedHere: built !== null && refused.some((slot) => slot.digest === built.digest),
    notBeforeMs: command.not_before_ms,
    isTurnTaken: groups !== undefined,
    isRestoredAndNotAdopted: false,
  };
}

/** A host without a launcher is not held here: it says itself what it can do. */
function isOlder(version: string | null, minimum: string | null): boolean {
  return version !== null && minimum !== null && compareVersions(version, minimum) < 0;
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

/** Instances with commands that wait or are on the wire; for the sweep and for turns in a group. */
export async function openInstanceIds(
  db: ReadContext,
  of: { readonly group: string | null },
): Promise<readonly string[]> {
  let query = db
    .selectFrom('commands')
    .select('instance_id')
    .distinct()
    .where('state', 'in', ['queued', 'sent']);
  if (of.group !== null) query = query.where('group_name', '=', of.group);
  return (await query.execute()).map((row) => row.instance_id);
}
