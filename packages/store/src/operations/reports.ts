import type { AgentState } from '@moult/core/agent-state';
import { changesText, type SlotChanges } from '@moult/core/changed-files';
import type { Component } from '@moult/core/component';
import type { Labels } from '@moult/core/labels';
import type { CommandTable, InstanceComponentTable, InstanceTable } from '../database.ts';
import { componentsOf, setComponent } from './component-rows.ts';
import type { ReadContext, WriteContext } from './context.ts';
import { addHistory } from './history.ts';
import { keptIn, type ReportedKeeping } from './host-facts.ts';
import { type InstanceRow, instanceById } from './instances.ts';
import { preparedByNames } from './prepared.ts';
import type { Slot } from './slot.ts';
import { knowsTasks, type TaskOffer } from './tasks.ts';
import { issueWantedOf } from './wanted.ts';

/** Kept as JSON: fields are added, never renamed. */
export interface RefusedSlot extends Slot {
  /** The owner of the host has left it by hand. */
  readonly byOwner?: { readonly attemptId: string; readonly said: string };
}

export interface ReportedUpgrade {
  readonly commandId: string;
  readonly attempt: number;
  readonly component: Component;
  readonly step: string;
  readonly detail: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** What an agent says of itself, checked already. */
export interface AgentReport {
  readonly instanceId: string;
  readonly state: AgentState;
  readonly marks: readonly string[];
  readonly isIdle: boolean;
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  readonly components: readonly {
    readonly component: Component;
    readonly current: Slot | null;
    readonly previous: Slot | null;
    readonly refused: readonly RefusedSlot[];
    readonly trialAttemptId: string;
    /** Of the current version. */
    readonly changes: SlotChanges;
  }[];
  readonly upgrade: ReportedUpgrade | null;
  readonly tasks: readonly TaskOffer[];
  /** Empty: the configuration as it is now is used. */
  readonly configurationTrouble: string;
  readonly kept: readonly ReportedKeeping[];
  readonly labels: Labels;
  readonly nowMs: number;
}

/** Keeps a report and issues what a choice wants of this instance. */
export async function recordReport(
  context: WriteContext,
  report: AgentReport,
): Promise<readonly CommandTable[]> {
  const instance = await instanceById(context.db, report.instanceId);
  if (instance === null) return [];
  const said = instanceSaid(report, instance);
  const isSameStep =
    stepOf(instance.upgrade) === stepOf(said.upgrade) && instance.upgrade_since_ms !== null;
  const change = {
    ...said,
    upgrade_since_ms: isSameStep ? instance.upgrade_since_ms : report.nowMs,
    last_seen_ms: report.nowMs,
    revision: instance.revision + 1,
  };
  await changeInstance(context.db, { id: instance.id, ...change });
  const rows = await componentsOf(context.db, instance.id);
  await noteChanges(context, { report, instance, rows });
  for (const part of report.components) {
    const { component } = part;
    const row = rows.find((one) => one.component === component) ?? null;
    await noteLeftByOwner(context, { instance, part, row, nowMs: report.nowMs });
    const said = componentSaid(part);
    // Each report says all, and most of it is as before.
    if (row !== null && isPartOf(said, row)) continue;
    await setComponent(context, { instanceId: instance.id, component }, said);
  }
  return issueWantedOf(context, { instance: { ...instance, ...change }, nowMs: report.nowMs });
}

const changeInstance = preparedByNames(
  (db, { id, ...set }: Pick<InstanceTable, 'id'> & Partial<InstanceTable>) =>
    db.updateTable('instances').set(set).where('id', '=', id),
);

/** P11: once for each time, in the words of whoever did it. */
async function noteLeftByOwner(
  context: WriteContext,
  of: {
    readonly instance: InstanceRow;
    readonly part: AgentReport['components'][number];
    readonly row: InstanceComponentTable | null;
    readonly nowMs: number;
  },
): Promise<void> {
  const { instance, part, row, nowMs } = of;
  const { component, current } = part;
  const left = part.refused.find(({ byOwner }) => byOwner !== undefined);
  if (left?.byOwner === undefined) return;
  const { attemptId, said } = left.byOwner;
  const known = JSON.parse(row?.refused ?? '[]') as readonly RefusedSlot[];
  if (known.some(({ byOwner }) => byOwner?.attemptId === attemptId)) return;
  await addHistory(context, {
    nowMs,
    kind: 'rolled-back-by-owner',
    why: said,
    agentName: instance.agent_name,
    instanceId: instance.id,
    component,
    detail: { from: left.version, to: current?.version ?? null },
  });
}

/** H16: history names what was changed when it is first seen, and where it is kept when it has made way. */
async function noteChanges(
  context: WriteContext,
  of: {
    readonly report: AgentReport;
    readonly instance: InstanceRow;
    readonly rows: readonly InstanceComponentTable[];
  },
): Promise<void> {
  const { report, instance, rows } = of;
  const about = { nowMs: report.nowMs, agentName: instance.agent_name, instanceId: instance.id };
  for (const { component, current, changes } of report.components) {
    const row = rows.find((one) => one.component === component) ?? null;
    if (changes.count === 0 || changedText(changes) === row?.changed) continue;
    const detail = { version: current?.version ?? '', files: changesText(changes) };
    await addHistory(context, { ...about, kind: 'changed-by-hand', component, detail });
  }
  const known = new Set(keptIn(instance).map(({ dir }) => dir));
  for (const { dir, component, version, changes } of report.kept) {
    if (known.has(dir)) continue;
    const detail = { version, files: changesText(changes), dir };
    await addHistory(context, { ...about, kind: 'kept-aside', component, detail });
  }
}

function changedText(changes: SlotChanges): string {
  return changes.count === 0 ? '' : JSON.stringify(changes);
}

/** Whether it says what is stored: a fleet that comes back after a restart says everything again. */
export async function isReportStored(db: ReadContext, report: AgentReport): Promise<boolean> {
  const instance = await instanceById(db, report.instanceId);
  // Without the time of its step nothing was ever reported.
  if (instance === null || instance.upgrade_since_ms === null) return false;
  if (!isPartOf(instanceSaid(report, instance), instance)) return false;
  const rows = await componentsOf(db, report.instanceId);
  return report.components.every((part) => {
    const row = rows.find(({ component }) => component === part.component);
    return row !== undefined && isPartOf(componentSaid(part), row);
  });
}

/** What a report says of the instance itself, as it is stored. */
function instanceSaid(report: AgentReport, instance: InstanceRow) {
  return {
    state: report.state,
    marks: JSON.stringify(report.marks),
    is_idle: report.isIdle ? 1 : 0,
    facts: JSON.stringify(report.facts),
    upgrade: report.upgrade === null ? null : JSON.stringify(report.upgrade),
    // A version that does not know tasks has said nothing of them, where one that has none says so.
    tasks: knowsTasks(instance) ? JSON.stringify(report.tasks) : '',
    configuration_trouble: report.configurationTrouble,
    host_labels: JSON.stringify(report.labels),
    kept: report.kept.length === 0 ? '' : JSON.stringify(report.kept),
  } as const;
}

function componentSaid(part: AgentReport['components'][number]) {
  return {
    current_version: part.current?.version ?? null,
    current_digest: part.current?.digest ?? null,
    previous_version: part.previous?.version ?? null,
    previous_digest: part.previous?.digest ?? null,
    refused: JSON.stringify(part.refused),
    trial_attempt_id: part.trialAttemptId,
    changed: changedText(part.changes),
  } as const;
}

function isPartOf<R extends object>(part: Partial<R>, row: R): boolean {
  return Object.entries(part).every(([column, value]) => row[column as keyof R] === value);
}

function stepOf(upgrade: string | null): string {
  if (upgrade === null) return '';
  const { commandId, attempt, step } = JSON.parse(upgrade) as ReportedUpgrade;
  return `${commandId}/${attempt}/${step}`;
}
