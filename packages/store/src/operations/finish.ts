import type { Component } from '@moult/core/component';
import type { CommandTable } from '../database.ts';
import { attemptOf, changeAttempt } from './attempt-rows.ts';
import { applyEvent, commandOf, type Ending } from './command-rows.ts';
import { componentRow, setComponent } from './component-rows.ts';
import type { WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { platformOf } from './releases.ts';
import { startAttempt } from './sessions.ts';
import type { Slot } from './slot.ts';

/** The end of one attempt, as the host says it. */
export interface FinishReport {
  readonly commandId: string;
  readonly attempt: number;
  readonly outcome: string;
  readonly code: string;
  readonly message: string;
  /** JSON, or null. */
  readonly evidence: string | null;
  readonly from: Slot | null;
  readonly current: Slot | null;
  readonly steps: readonly { readonly step: string; readonly startedMs: number }[];
  readonly bytesFetched: number;
  readonly bytesTotal: number;
  readonly rehearsal: string;
}

export type Finished =
  | { readonly kind: 'orphan' | 'repeated' }
  | {
      readonly kind: 'ended';
      readonly commandId: string;
      readonly component: Component;
      readonly group: string;
      /** A task's end frees nobody's turn, and changes nothing of what is wanted. */
      readonly isTask: boolean;
      /** The committed, right version was seen, or another one was made ready: versions nobody needs may go (H13). */
      readonly isCleanupDue: boolean;
    };

interface About {
  readonly instanceId: string;
  readonly platform: string;
  readonly nowMs: number;
}

/** An unknown finish is kept as an orphan and acknowledged like any other (C13). */
export async function applyFinish(
  context: WriteContext,
  about: About,
  finish: FinishReport,
): Promise<Finished> {
  const { instanceId, nowMs } = about;
  const command = await commandOf(context.db, { id: finish.commandId, instanceId });
  if (command === null || command.attempt !== finish.attempt) {
    await keepOrphan(context, about, finish);
    return { kind: 'orphan' };
  }
  if (command.kind !== 'autoUpgrade') return endControl(context, { command, finish, nowMs });
  await startAttempt(context, { command, nowMs });
  const attempt = await attemptOf(context.db, finish);
  if (attempt?.ended_ms != null) return { kind: 'repeated' };
  const judged = await judge(context, {
    about,
    command,
    finish,
    attested: attempt?.attested_digest ?? null,
  });
  await changeAttempt(context.db, {
    command_id: command.id,
    attempt: command.attempt,
    ended_ms: nowMs,
    outcome: judged.ending.outcome,
    code: judged.ending.code,
    message: judged.ending.message,
    evidence: finish.evidence,
    steps: JSON.stringify(finish.steps),
    bytes_fetched: finish.bytesFetched,
    bytes_total: finish.bytesTotal,
    rehearsal: finish.rehearsal,
    ...(finish.from === null
      ? {}
      : { from_version: finish.from.version, from_digest: finish.from.digest }),
  });
  const event = judged.isRight ? 'finished-well' : 'finished-badly';
  const after = await applyEvent(context, command, { event, nowMs, ending: judged.ending });
  const of = { instanceId, component: command.component };
  if (finish.current !== null) {
    const { version, digest } = finish.current;
    await setComponent(context, of, { current_version: version, current_digest: digest });
  }
  if (judged.isGiven) await noteGiven(context, { command: after, digest: judged.digest, nowMs });
  return {
    kind: 'ended',
    commandId: command.id,
    component: command.component,
    group: command.group_name,
    isTask: false,
    isCleanupDue: judged.isRight,
  };
}

/** A task, or a pause, resume, restart or clear: it is over, and there is nothing to prove. */
async function endControl(
  context: WriteContext,
  of: { readonly command: CommandTable; readonly finish: FinishReport; readonly nowMs: number },
): Promise<Finished> {
  const { command, finish, nowMs } = of;
  const isDone = finish.outcome === 'succeeded' || finish.outcome === 'already-there';
  const { outcome } = finish;
  const code = finish.code === '' ? null : finish.code;
  const message = finish.message === '' ? null : finish.message;
  await applyEvent(context, command, {
    event: isDone ? 'finished-well' : 'finished-badly',
    nowMs,
    ending: { outcome, code, message },
  });
  await context.db
    .updateTable('commands')
    .set({ host_ended_ms: nowMs })
    .where('id', '=', command.id)
    .execute();
  return {
    kind: 'ended',
    commandId: command.id,
    component: command.component,
    group: command.group_name,
    isTask: command.kind === 'task',
    isCleanupDue: false,
  };
}

interface Judged {
  readonly isRight: boolean;
  /** What was ordered runs now. */
  readonly isGiven: boolean;
  readonly digest: string;
  readonly ending: Ending;
}

/** N5, C10: succeeded needs the host's word and a session that proved the release's digest. */
async function judge(
  context: WriteContext,
  what: {
    readonly about: About;
    readonly command: CommandTable;
    readonly finish: FinishReport;
    readonly attested: string | null;
  },
): Promise<Judged> {
  const { command, finish } = what;
  const { component, version } = command;
  const built = await platformOf(context.db, { component, version, platform: what.about.platform });
  const row = await componentRow(context.db, { instanceId: command.instance_id, component });
  const digest = built?.digest ?? '';
  const said: Ending = {
    outcome: finish.outcome,
    code: finish.code === '' ? null : finish.code,
    message: finish.message === '' ? null : finish.message,
  };
  // C25: made ready and verified by the host; nothing runs that could prove it.
  if (finish.outcome === 'staged' && command.pace === 'fetch-only')
    return { isRight: true, isGiven: false, digest, ending: said };
  if (finish.outcome !== 'succeeded' && finish.outcome !== 'already-there')
    return { isRight: false, isGiven: false, digest, ending: said };
  const isAttested = digest !== '' && (what.attested === digest || row?.attested_digest === digest);
  if (isAttested) return { isRight: true, isGiven: true, digest, ending: said };
  const message = `the host reports ${finish.outcome}, but no session has proved the digest ${digest}`;
  const ending = { outcome: 'failed', code: 'not-attested', message };
  return { isRight: false, isGiven: false, digest, ending };
}

async function noteGiven(
  context: WriteContext,
  what: { readonly command: CommandTable; readonly digest: string; readonly nowMs: number },
): Promise<void> {
  const { command, nowMs } = what;
  const of = { instanceId: command.instance_id, component: command.component };
  await addHistory(context, {
    nowMs,
    kind: 'version-given',
    agentName: command.agent_name,
    ...of,
    commandId: command.id,
    attempt: command.attempt,
    detail: { version: command.version, digest: what.digest },
  });
  await setComponent(context, of, {
    given_version: command.version,
    given_digest: what.digest,
    // As old as the order: a choice that was made while it was under way came after it. A repair gives again what an order
    // gave, and is counted under that (C18).
    ...(command.origin === 'repair' ? {} : { given_position: command.position }),
    reopened_digest: null,
  });
}

async function keepOrphan(
  context: WriteContext,
  about: About,
  finish: FinishReport,
): Promise<void> {
  const kept = await context.db
    .insertInto('orphans')
    .values({
      instance_id: about.instanceId,
      command_id: finish.commandId,
      attempt: finish.attempt,
      received_ms: about.nowMs,
      content: JSON.stringify(finish),
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (kept.numInsertedOrUpdatedRows === 0n) return;
  await addHistory(context, {
    nowMs: about.nowMs,
    kind: 'orphan-kept',
    instanceId: about.instanceId,
    commandId: finish.commandId,
    attempt: finish.attempt,
    detail: { outcome: finish.outcome },
  });
}
