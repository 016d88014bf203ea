/* Rows of the journal, made of what asks for a run. */
import { attemptIdOf } from '@moult/core/upgrade';
import type { CommandMessage } from '@moult/protocol';
import type { TaskRunRow } from '../database/index.ts';

export function orderedRow(command: CommandMessage): TaskRunRow {
  const { commandId, attempt, task } = command;
  return {
    run: attemptIdOf(command),
    task: task?.name ?? '',
    commandId,
    attempt,
    parameters: task?.parameters ?? [],
    starts: 0,
    startedMs: 0,
    leader: null,
  };
}

/** Of a schedule. */
export function dueRow(task: string, dueMs: number): TaskRunRow {
  const waits = { starts: 0, startedMs: dueMs, leader: null };
  return { run: `@${task}/${dueMs}`, task, commandId: '', attempt: 0, parameters: [], ...waits };
}

/** By a command; else by its schedule. */
export function isOrdered(row: TaskRunRow): boolean {
  return row.commandId !== '';
}
