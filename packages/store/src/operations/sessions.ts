/* The beginning of a serve session: clones, what the new process proved, and what the welcome says. */
import type { Component } from '@moult/core/component';
import { judgeSession, sessionAfter } from '@moult/core/identity';
import { isBeyond, type StorePlace } from '@moult/core/restore';
import type {
  AttemptTable,
  CommandTable,
  InstanceComponentTable,
  InstanceTable,
} from '../database.ts';
import { settle, takeOver } from './ahead.ts';
import { componentRow, setComponent } from './component-rows.ts';
import type { WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { type InstanceRow, instanceById } from './instances.ts';
import { noticeRestore, placeSeen, storeLife } from './lives.ts';
import { prepared, preparedByNames } from './prepared.ts';
import type { ProvenHello } from './proven-hello.ts';
import { platformOf } from './releases.ts';
import type { Slot } from './slot.ts';

export type Attestation =
  /** `unknown`: it shows the nonce of no command of this store. */
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'attested'; readonly commandId: string; readonly attempt: number }
  | {
      readonly kind: 'mismatch';
      readonly commandId: string;
      readonly attempt: number;
      readonly reason: string;
    };

export type SessionOpened =
  | { readonly kind: 'not-enrolled' | 'decommissioned' }
  | { readonly kind: 'quarantined'; readonly isNew: boolean }
  | {
      readonly kind: 'welcome';
      /** This very session showed that the store was restored (RS3). */
      readonly hasNoticed: boolean;
      readonly generation: number;
      readonly position: number;
      readonly outputEpoch: string;
      readonly outputSequence: number;
      readonly isValidated: boolean;
      readonly attestation: Attestation;
    };

const keepSession = prepared(
  (
    db,
    row: Pick<
      InstanceTable,
      | 'id'
      | 'session_counter'
      | 'session_ticket'
      | 'session_previous_ticket'
      | 'capabilities'
      | 'boot_id'
      | 'last_seen_ms'
      | 'came_up_ms'
      | 'generation'
      | 'revision'
    >,
  ) =>
    db
      .updateTable('instances')
      .set({
        session_counter: row.session_counter,
        session_ticket: row.session_ticket,
        session_previous_ticket: row.session_previous_ticket,
        capabilities: row.capabilities,
        boot_id: row.boot_id,
        last_seen_ms: row.last_seen_ms,
        came_up_ms: row.came_up_ms,
        generation: row.generation,
        revision: row.revision,
      })
      .where('id', '=', row.id),
);

export async function openSession(
  context: WriteContext,
  hello: ProvenHello,
): Promise<SessionOpened> {
  const instance = await instanceById(context.db, hello.instanceId);
  if (instance === null) return { kind: 'not-enrolled' };
  if (instance.role === 'removed') return { kind: 'decommissioned' };
  if (instance.quarantined_ms !== null) return { kind: 'quarantined', isNew: false };
  const before = await storeLife(context.db, null);
  const verdict = judgeSession(
    {
      counter: instance.session_counter,
      ticket: instance.session_ticket,
      previousTicket: instance.session_previous_ticket,
    },
    hello,
  );
  const own = await ownPlace(context, { instance, hello, isLost: verdict === 'lost' });
  // RS2: what this store knows of it may be old; its own word counts once, and then as strictly as ever.
  const isFirst = instance.generation < own.generation;
  if (!isFirst && verdict === 'clone') {
    await quarantine(context, { instance, shownCounter: hello.counter, nowMs: hello.nowMs });
    return { kind: 'quarantined', isNew: true };
  }
  const record = sessionAfter(hello, hello.newTicket);
  await keepSession(context.db, {
    id: instance.id,
    session_counter: record.counter,
    session_ticket: record.ticket,
    session_previous_ticket: record.previousTicket,
    capabilities: JSON.stringify(hello.capabilities),
    boot_id: hello.bootId,
    last_seen_ms: hello.nowMs,
    // C17: one on trial has not come Up by itself.
    came_up_ms: hello.commandNonce === '' ? hello.nowMs : (instance.came_up_ms ?? hello.nowMs),
    generation: own.generation,
    revision: instance.revision + 1,
  });
  if (isFirst) await takeOver(context, { instance, hello, own });
  const taken = isFirst ? await instanceById(context.db, instance.id) : null;
  await settle(context, { instance: taken ?? instance, hello });
  for (const component of ['agent', 'launcher'] as const) {
    await noteAttested(context, { instance, component, hello });
  }
  const attestation = await attest(context, instance, hello);
  const life = await storeLife(context.db, null);
  return {
    kind: 'welcome',
    hasNoticed: own.generation !== before.generation,
    ...life,
    outputEpoch: instance.output_epoch,
    outputSequence: instance.output_sequence,
    isValidated: instance.validated_ms !== null,
    attestation,
  };
}

/** RS3. The word of a host that nobody validated stops no fleet. */
async function ownPlace(
  context: WriteContext,
  of: {
    readonly instance: InstanceRow;
    readonly hello: ProvenHello;
    /** Its last session is not here. */
    readonly isLost: boolean;
  },
): Promise<StorePlace> {
  const { instance, hello } = of;
  const own = await storeLife(context.db, null);
  const seen = await placeSeen(context.db, hello.seen);
  // In a life that has just begun every host shows a session that is not here.
  const isLost = of.isLost && instance.generation === own.generation;
  const isSeenLost = isBeyond(own, seen);
  if (!(isLost || isSeenLost) || instance.validated_ms === null) return own;
  return noticeRestore(context, {
    agentName: instance.agent_name,
    seen,
    isSessionLost: !isSeenLost,
    nowMs: hello.nowMs,
  });
}

async function quarantine(
  context: WriteContext,
  what: { readonly instance: InstanceRow; readonly shownCounter: number; readonly nowMs: number },
): Promise<void> {
  const { instance, nowMs } = what;
  const reason = `a session showed counter ${what.shownCounter} after ${instance.session_counter}, or a ticket that was used`;
  await context.db
    .updateTable('instances')
    .set({ quarantined_ms: nowMs, quarantined_why: reason })
    .where('id', '=', instance.id)
    .execute();
  await addHistory(context, {
    nowMs,
    kind: 'quarantined',
    agentName: instance.agent_name,
    instanceId: instance.id,
    detail: { reason },
  });
}

/** Keeps what runs now by its proof; what differs from the last finished order is said once (C11: `reopened`). */
async function noteAttested(
  context: WriteContext,
  what: {
    readonly instance: InstanceRow;
    readonly component: Component;
    readonly hello: ProvenHello;
  },
): Promise<void> {
  const { instance, component, hello } = what;
  const slot = hello.slots[component];
  if (slot === null) return;
  const of = { instanceId: instance.id, component };
  const row = await componentRow(context.db, of);
  const isUnderTrial = hello.commandNonce !== '';
  const isReopened =
    !isUnderTrial &&
    row !== null &&
    row.given_digest !== null &&
    row.given_digest !== slot.digest &&
    row.reopened_digest !== slot.digest;
  // Most come back as they were, and a whole fleet does after a restart.
  if (row !== null && !isReopened && isAttestedAs(row, slot)) return;
  await setComponent(context, of, {
    attested_version: slot.version,
    attested_digest: slot.digest,
    ...(row === null ? { current_version: slot.version, current_digest: slot.digest } : {}),
    ...(isReopened ? { reopened_digest: slot.digest } : {}),
    ...(row?.given_digest === slot.digest ? { reopened_digest: null } : {}),
  });
  if (row !== null && row.attested_digest !== slot.digest) {
    // What the version before has said of this host is not known to hold any more.
    await context.db
      .updateTable('instances')
      .set({ upgrade_since_ms: null })
      .where('id', '=', instance.id)
      .execute();
  }
  if (!isReopened) return;
  await addHistory(context, {
    nowMs: hello.nowMs,
    kind: 'reopened',
    agentName: instance.agent_name,
    instanceId: instance.id,
    component,
    detail: { given: row.given_version, shown: slot.version, digest: slot.digest },
  });
}

/** What it proves is what is kept, and what was said of another digest is over. */
function isAttestedAs(row: InstanceComponentTable, slot: Slot): boolean {
  return (
    row.attested_version === slot.version &&
    row.attested_digest === slot.digest &&
    (row.reopened_digest === null || row.given_digest !== slot.digest)
  );
}

/** The process that shows a command's nonce is the one that was ordered if its digest is the release's (C10). */
async function attest(
  context: WriteContext,
  instance: InstanceRow,
  hello: ProvenHello,
): Promise<Attestation> {
  if (hello.commandNonce === '') return { kind: 'none' };
  const nonce = hello.commandNonce;
  const [command] = await byNonce(context.db, { instanceId: instance.id, nonce });
  if (command === undefined) return { kind: 'unknown' };
  const { component, version, attempt } = command;
  const wanted = await platformOf(context.db, { component, version, platform: instance.platform });
  const slot = hello.slots[component];
  const names = { commandId: command.id, attempt };
  if (slot === null || wanted === null || slot.digest !== wanted.digest) {
    const reason = `${component} ${version} was ordered with digest ${wanted?.digest ?? 'unknown'}, the host shows ${slot?.digest ?? 'none'}`;
    await addAttempted(context, { instance, command, hello, kind: 'attest-refused', reason });
    return { kind: 'mismatch', ...names, reason };
  }
  await startAttempt(context, { command, nowMs: hello.nowMs });
  const changed = await context.db
    .updateTable('attempts')
    .set({
      attested_ms: hello.nowMs,
      attested_version: slot.version,
      attested_digest: slot.digest,
    })
    .where('command_id', '=', command.id)
    .where('attempt', '=', attempt)
    .where('attested_ms', 'is', null)
    .executeTakeFirst();
  if (changed.numUpdatedRows > 0n) {
    await addAttempted(context, { instance, command, hello, kind: 'attested', reason: '' });
  }
  return { kind: 'attested', ...names };
}

async function addAttempted(
  context: WriteContext,
  what: {
    readonly instance: InstanceRow;
    readonly command: CommandTable;
    readonly hello: ProvenHello;
    readonly kind: string;
    readonly reason: string;
  },
): Promise<void> {
  const { instance, command } = what;
  await addHistory(context, {
    nowMs: what.hello.nowMs,
    kind: what.kind,
    agentName: instance.agent_name,
    instanceId: instance.id,
    component: command.component,
    commandId: command.id,
    attempt: command.attempt,
    detail: { version: command.version, reason: what.reason },
  });
}

/** The attempt's row, made by whatever is heard of it first. */
export async function startAttempt(
  context: WriteContext,
  what: { readonly command: CommandTable; readonly nowMs: number },
): Promise<void> {
  const { command, nowMs } = what;
  const [known] = await attemptNumber(context.db, { id: command.id, attempt: command.attempt });
  if (known !== undefined) return;
  const row = await componentRow(context.db, {
    instanceId: command.instance_id,
    component: command.component,
  });
  const attempt: AttemptTable = {
    command_id: command.id,
    attempt: command.attempt,
    instance_id: command.instance_id,
    agent_name: command.agent_name,
    component: command.component,
    from_version: row?.current_version ?? null,
    from_digest: row?.current_digest ?? null,
    to_version: command.version,
    started_ms: nowMs,
    ended_ms: null,
    outcome: null,
    code: null,
    message: null,
    bytes_fetched: 0,
    bytes_total: 0,
    rehearsal: 'not-done',
    steps: '[]',
    evidence: null,
    drained_ms: null,
    attested_ms: null,
    attested_version: null,
    attested_digest: null,
    confirmed_ms: null,
    switched_ms: null,
  };
  await addAttempt(context.db, attempt);
}

const attemptNumber = prepared((db, of: { readonly id: string; readonly attempt: number }) =>
  db
    .selectFrom('attempts')
    .select('attempt')
    .where('command_id', '=', of.id)
    .where('attempt', '=', of.attempt),
);

const addAttempt = preparedByNames((db, attempt: AttemptTable) =>
  db
    .insertInto('attempts')
    .values(attempt)
    .onConflict((conflict) => conflict.doNothing()),
);

const byNonce = prepared((db, of: { readonly instanceId: string; readonly nonce: string }) =>
  db
    .selectFrom('commands')
    .selectAll()
    .where('instance_id', '=', of.instanceId)
    .where('nonce', '=', of.nonce),
);
