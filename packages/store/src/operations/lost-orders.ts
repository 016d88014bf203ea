/* What an operator sees of a restored store, and the versions on trial whose orders it has lost (RS8). */
import type { Component } from '@moult/core/component';
import type { CommandTable } from '../database.ts';
import type { LifeTable } from '../restore-tables.ts';
import { isAhead } from './ahead.ts';
import { attemptOf } from './attempt-rows.ts';
import type { AttemptRef } from './attempts.ts';
import { componentRow } from './component-rows.ts';
import { COORDINATOR, type ReadContext, type WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { type InstanceRow, instanceById } from './instances.ts';
import { newestLife, storeLife } from './lives.ts';
import { releaseByDigest } from './releases.ts';
import type { ReportedUpgrade } from './reports.ts';
import { startAttempt } from './sessions.ts';

export interface UnknownAttempt extends AttemptRef {
  readonly component: Component;
  /** That the session showed: no command of this store has it. */
  readonly nonce: string;
}

/** `release-missing`: the digest that it proved is of no release that this store has published. */
export type AttemptAdoption = 'adopted' | 'release-missing' | 'not-ahead';

const ID = /^[0-9a-z]{4,40}$/;

/**
 * RS8: a version on trial for an order that this store has lost. With the digest of a published release it may be
 * confirmed like any other; nothing else becomes a version by being there.
 */
export async function adoptAttempt(
  context: WriteContext,
  ask: UnknownAttempt,
): Promise<AttemptAdoption> {
  const { instanceId, component, nowMs } = ask;
  const instance = await instanceById(context.db, instanceId);
  if (instance === null || !(await isAhead(context.db, instance))) return 'not-ahead';
  if (!ID.test(ask.commandId) || (await isCommandKnown(context.db, ask.commandId))) {
    return 'not-ahead';
  }
  const row = await componentRow(context.db, { instanceId, component });
  const digest = row?.attested_digest ?? '';
  const { platform } = instance;
  const version = await releaseByDigest(context.db, { component, platform, digest });
  if (version === null) return 'release-missing';
  const command = adoptedCommand({ ask, instance, version });
  await context.db.insertInto('commands').values(command).execute();
  await addHistory(context, {
    nowMs,
    kind: 'attempt-adopted',
    agentName: instance.agent_name,
    instanceId,
    component,
    commandId: ask.commandId,
    attempt: ask.attempt,
    detail: { version, digest },
  });
  await startAttempt(context, { command, nowMs });
  await context.db
    .updateTable('attempts')
    .set({
      switched_ms: nowMs,
      attested_ms: nowMs,
      attested_version: version,
      attested_digest: digest,
    })
    .where('command_id', '=', ask.commandId)
    .where('attempt', '=', ask.attempt)
    .execute();
  return (await attemptOf(context.db, ask)) === null ? 'not-ahead' : 'adopted';
}

function adoptedCommand(of: {
  readonly ask: UnknownAttempt;
  readonly instance: InstanceRow;
  readonly version: string;
}): CommandTable {
  const { ask, instance } = of;
  return {
    id: ask.commandId,
    kind: 'autoUpgrade',
    instance_id: instance.id,
    agent_name: instance.agent_name,
    group_name: instance.group_name,
    component: ask.component,
    version: of.version,
    is_forced: 0,
    pace: 'now',
    has_place: 1,
    is_revert: 0,
    state: 'running',
    hold_reason: null,
    host_hold_reason: null,
    attempt: ask.attempt,
    nonce: ask.nonce,
    not_before_ms: 0,
    // It is past the switch: only the host ends it.
    not_after_ms: Number.MAX_SAFE_INTEGER,
    origin: 'adopted',
    idempotency_key: null,
    position: instance.ahead_position ?? 0,
    created_ms: ask.nowMs,
    created_by: COORDINATOR,
    why: 'found on trial after a restore',
    sent_ms: ask.nowMs,
    ended_ms: null,
    outcome: null,
    code: null,
    message: null,
    revision: 0,
    task: null,
    parameters: null,
    host_ended_ms: null,
    rollout_id: null,
  };
}

async function isCommandKnown(db: ReadContext, id: string): Promise<boolean> {
  const row = await db.selectFrom('commands').select('id').where('id', '=', id).executeTakeFirst();
  return row !== undefined;
}

/** What an operator wants to know before adopting. */
export interface RestoreSummary {
  /** Null: this store was never restored. */
  readonly life: LifeTable | null;
  readonly agents: number;
  /** Had a session in this life. */
  readonly seen: number;
  readonly ahead: readonly AheadAgent[];
  /** Finishes of orders that this store does not know, kept since the restore. */
  readonly orphans: number;
}

export interface AheadAgent {
  readonly name: string;
  /** What it runs, by its proof; null: it has shown nothing yet. */
  readonly version: string | null;
  /** False: it is on trial with a version whose order was lost. */
  readonly isSettled: boolean;
  /** Its trial, where no release published here has what it runs: it waits for that. */
  readonly missing: { readonly component: Component; readonly version: string } | null;
}

/** Beyond, people read counts, and the list of agents. */
const AHEAD_MAX = 1_000;

export async function restoreSummary(db: ReadContext, _args: null): Promise<RestoreSummary> {
  const life = await newestLife(db, null);
  const { generation } = await storeLife(db, null);
  const rows = await db
    .selectFrom('instances')
    .select(['id', 'generation', 'ahead_generation'])
    .where('role', '<>', 'removed')
    .execute();
  const ahead: AheadAgent[] = [];
  for (const { id } of rows.filter((row) => row.ahead_generation === generation)) {
    if (ahead.length >= AHEAD_MAX) break;
    const instance = await instanceById(db, id);
    if (instance !== null) ahead.push(await aheadAgentOf(db, instance));
  }
  const orphans = await db
    .selectFrom('orphans')
    .select((build) => build.fn.countAll<number>().as('n'))
    .where('received_ms', '>=', life?.began_ms ?? 0)
    .executeTakeFirst();
  return {
    life,
    agents: rows.length,
    seen: rows.filter((row) => row.generation === generation).length,
    ahead: ahead.sort((a, b) => a.name.localeCompare(b.name)),
    orphans: Number(orphans?.n ?? 0),
  };
}

async function aheadAgentOf(db: ReadContext, instance: InstanceRow): Promise<AheadAgent> {
  const row = await componentRow(db, { instanceId: instance.id, component: 'agent' });
  return {
    name: instance.agent_name,
    version: row?.attested_version ?? null,
    isSettled: instance.settled_ms !== null,
    missing: await missingRelease(db, instance),
  };
}

/** RS8: the release that a trial waits for; null: it waits for none. */
export async function missingRelease(
  db: ReadContext,
  instance: InstanceRow,
): Promise<AheadAgent['missing']> {
  if (instance.upgrade === null || !(await isAhead(db, instance))) return null;
  const { commandId, component, step } = JSON.parse(instance.upgrade) as ReportedUpgrade;
  if (!TRIAL_STEPS.includes(step) || (await isCommandKnown(db, commandId))) return null;
  const row = await componentRow(db, { instanceId: instance.id, component });
  const digest = row?.attested_digest ?? '';
  const { platform } = instance;
  if ((await releaseByDigest(db, { component, platform, digest })) !== null) return null;
  return { component, version: row?.attested_version ?? '' };
}

/** Steps of an upgrade past its switch (core/upgrade). */
export const TRIAL_STEPS: readonly string[] = ['probation', 'committing'];
