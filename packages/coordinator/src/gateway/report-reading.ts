/* What agents say, in the shape that may enter the store: words that are not known, and texts that are not what they claim, stay out. */
import type { AgentState } from '@moult/core/agent-state';
import {
  CHANGE_KINDS,
  CHANGED_REPORTED_MAX,
  type ChangedFile,
  type ChangeKind,
  KEEPINGS_REPORTED_MAX,
  type SlotChanges,
} from '@moult/core/changed-files';
import { HOLD_REASONS } from '@moult/core/command';
import { COMPONENTS, isComponent } from '@moult/core/component';
import { labelsAmong } from '@moult/core/labels';
import { isSha256 } from '@moult/core/manifest';
import { isName } from '@moult/core/name';
import { PARAMETERS_MAX, TASKS_MAX } from '@moult/core/task';
import { isVersion } from '@moult/core/versions';
import type {
  ChangedFileMessage,
  FinishMessage,
  OutputItem,
  Report,
  SlotMessage,
  TaskRunMessage,
} from '@moult/protocol';
import type {
  AgentReport,
  FinishReport,
  NewOutput,
  RefusedSlot,
  ReportedRun,
  Slot,
} from '@moult/store';

const STATES: Readonly<Record<string, AgentState>> = {
  Up: 'Up',
  Paused: 'Paused',
  Upgrading: 'Upgrading',
  'Upgrade Failed': 'Upgrade Failed',
};
const LIST_MAX = 100;
const TEXT_MAX = 2_000;
const ID_MAX = 128;
const LOG_LINES_MAX = 200;
const SAMPLES_MAX = 50;

export function readReport(
  report: Report,
  about: { readonly instanceId: string; readonly nowMs: number },
): AgentReport {
  const { upgrade } = report;
  return {
    ...about,
    // A state of a later version: it is doing something, so nothing new is sent to it.
    state: STATES[report.state] ?? 'Upgrading',
    marks: report.marks.slice(0, LIST_MAX).map((mark) => cut(mark)),
    isIdle: report.isIdle,
    facts: report.facts
      .slice(0, LIST_MAX)
      .map(({ name, value }) => ({ name: cut(name), value: cut(value) })),
    components: readComponents(report),
    upgrade:
      upgrade === null ||
      upgrade.commandId === '' ||
      upgrade.attempt < 1 ||
      !isComponent(upgrade.component)
        ? null
        : {
            commandId: cut(upgrade.commandId),
            attempt: upgrade.attempt,
            component: upgrade.component,
            step: cut(upgrade.step),
            detail: cut(upgrade.detail),
            bytesDone: upgrade.bytesDone,
            bytesTotal: upgrade.bytesTotal,
          },
    tasks: readOffers(report),
    configurationTrouble: cut(report.configurationTrouble),
    kept: readKept(report),
    labels: labelsAmong(report.labels),
  };
}

/** Each name once, as it was said first; by name, so that the same tasks are the same text. */
function readOffers(report: Report): AgentReport['tasks'] {
  const byName = new Map<string, AgentReport['tasks'][number]>();
  for (const offer of report.tasks.slice(0, TASKS_MAX)) {
    if (!isName(offer.name) || byName.has(offer.name)) continue;
    byName.set(offer.name, {
      name: offer.name,
      description: cut(offer.description),
      parameters: offer.parameters.slice(0, PARAMETERS_MAX).map((name) => cut(name)),
      schedule: cut(offer.schedule),
      timeZone: cut(offer.timeZone),
    });
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Each component once, as it was said last: a frame has room for thousands, and each is a row to write. */
function readComponents(report: Report): AgentReport['components'] {
  return COMPONENTS.flatMap((component) => {
    const part = report.components.findLast((one) => one.component === component);
    if (part === undefined) return [];
    return [
      {
        component,
        current: readSlot(part.current),
        previous: readSlot(part.previous),
        refused: readRefused(part),
        trialAttemptId: cut(part.trialAttemptId),
        changes: readChanges(part),
      },
    ];
  });
}

/** What the owner of a host has left by hand is refused there, and is marked so. */
function readRefused({
  refused,
  rolledBack,
}: Report['components'][number]): readonly RefusedSlot[] {
  const left = readSlot(rolledBack?.from ?? null);
  const byOwner = {
    attemptId: cut(rolledBack?.attemptId ?? ''),
    said: cut(rolledBack?.said ?? ''),
  };
  return refused.slice(-LIST_MAX).flatMap((slot) => {
    const read = readSlot(slot);
    if (read === null) return [];
    return read.digest === left?.digest ? { ...read, byOwner } : read;
  });
}

function readKept(report: Report): AgentReport['kept'] {
  return report.kept.slice(-KEEPINGS_REPORTED_MAX).flatMap((keeping) => {
    const { dir, component, version, keptMs } = keeping;
    if (!isComponent(component)) return [];
    const changes = readChanges(keeping);
    return [{ dir: cut(dir), component, version: cut(version), keptMs, changes }];
  });
}

function readChanges(of: {
  readonly changed: readonly ChangedFileMessage[];
  readonly changedCount: number;
}): SlotChanges {
  const files = of.changed.slice(0, CHANGED_REPORTED_MAX).flatMap((file): ChangedFile[] => {
    const { path, how, sha256, bytes, modifiedMs } = file;
    if (!isChangeKind(how)) return [];
    const isKnown = isSha256(sha256);
    return [{ path: cut(path), how, sha256: isKnown ? sha256 : null, bytes, modifiedMs }];
  });
  return { files, count: Math.max(files.length, of.changedCount) };
}

function isChangeKind(text: string): text is ChangeKind {
  return (CHANGE_KINDS as readonly string[]).includes(text);
}

export function readOutputItem(item: OutputItem): NewOutput {
  switch (item.item) {
    case 'finish':
      return { kind: 'finish', finish: readFinish(item.finish) };
    case 'record':
      return {
        kind: 'record',
        ...item.record,
        stream: cut(item.record.stream),
        task: idIn(item.record.task),
        run: idIn(item.record.run),
      };
    case 'gap': {
      const { reason, items, bytes, covers } = item.gap;
      const content = Buffer.from(JSON.stringify({ reason: cut(reason), items, bytes }));
      return { kind: 'gap', covers: Math.max(1, covers), content };
    }
    case 'taskRun':
      return { kind: 'taskRun', run: readRun(item.taskRun) };
  }
}

function readRun(run: TaskRunMessage): ReportedRun {
  const isOver = run.endedMs > 0;
  return {
    // The key of its row.
    run: idIn(run.run) || '_',
    task: idIn(run.task),
    command_id: cut(run.commandId),
    attempt: run.attempt,
    started_ms: run.startedMs,
    ended_ms: isOver ? run.endedMs : null,
    outcome: !isOver ? null : run.outcome === 'succeeded' ? 'succeeded' : 'failed',
    code: run.code === '' ? null : cut(run.code),
    message: run.message === '' ? null : cut(run.message),
    exit_code: run.exitCode < 0 ? null : run.exitCode,
    signal: run.signal === '' ? null : cut(run.signal),
    output_bytes: run.outputBytes,
    dropped_bytes: run.droppedBytes,
    starts: run.starts,
  };
}

function readFinish(finish: FinishMessage): FinishReport {
  const { evidence } = finish;
  return {
    commandId: cut(finish.commandId),
    attempt: finish.attempt,
    outcome: cut(finish.outcome),
    code: cut(finish.code),
    message: cut(finish.message),
    evidence:
      evidence === null
        ? null
        : JSON.stringify({
            reason: cut(evidence.reason),
            detail: cut(evidence.detail),
            exitCode: evidence.exitCode < 0 ? null : evidence.exitCode,
            signal: evidence.signal === '' ? null : cut(evidence.signal),
            logLines: evidence.logLines.slice(-LOG_LINES_MAX).map((line) => cut(line)),
            samples: evidence.samples.slice(-SAMPLES_MAX),
          }),
    from: readSlot(finish.from),
    current: readSlot(finish.current),
    steps: finish.steps
      .slice(0, LOG_LINES_MAX)
      .map(({ step, startedMs }) => ({ step: cut(step), startedMs })),
    bytesFetched: finish.bytesFetched,
    bytesTotal: finish.bytesTotal,
    rehearsal: cut(finish.rehearsal),
  };
}

/** A hold reason that this version knows; others are not shown. */
export function readHoldReason(text: string): string | null {
  return Object.hasOwn(HOLD_REASONS, text) ? text : null;
}

export function cut(text: string): string {
  return text.slice(0, TEXT_MAX);
}

/** What people and pages name a run and a task by: it must survive an address, and a line. */
function idIn(text: string): string {
  return text.slice(0, ID_MAX).replaceAll(/[^!-~]/g, '_');
}

function readSlot(slot: SlotMessage | null): Slot | null {
  if (slot === null || !isVersion(slot.version)) return null;
  return slot.digest === '' || isSha256(slot.digest) ? slot : null;
}
