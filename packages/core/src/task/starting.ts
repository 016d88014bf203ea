/* Which of the waiting runs may start now, and what becomes of one that a crash cut off. */
import { actionAnswer } from '../agent-actions.ts';
import type { AgentState } from '../agent-state.ts';
import { CONCURRENCY_MAX, type TaskDefinition } from './definition.ts';

export interface WaitingRun {
  /** Id of the run. */
  readonly run: string;
  readonly task: string;
}

/**
 * Those that may start, in their order: first come, first served, as many of a task at once as it allows; a task whose
 * turn has not come does not hold up another one (K5). One whose task is not listed is given back too: it ends at once.
 * In every state but Up none starts (K6).
 */
export function startable<R extends WaitingRun>(facts: {
  readonly waiting: readonly R[];
  /** Runs whose program is running. */
  readonly running: readonly WaitingRun[];
  readonly definitions: ReadonlyMap<string, TaskDefinition>;
  readonly state: AgentState;
  readonly isInProbation: boolean;
}): readonly R[] {
  if (actionAnswer('task', facts).kind !== 'now') return [];
  const counts = new Map<string, number>();
  const countOf = (task: string) => counts.get(task) ?? 0;
  for (const { task } of facts.running) counts.set(task, countOf(task) + 1);
  return facts.waiting.filter(({ task }) => {
    const definition = facts.definitions.get(task);
    if (definition === undefined) return true;
    if (countOf(task) >= definition.concurrency) return false;
    counts.set(task, countOf(task) + 1);
    return true;
  });
}

/**
 * Orders of one task that a host has at a time: as many as may run at once of any, so that none waits for the
 * coordinator. Those behind them wait there, where everything else overtakes them and a host is not filled up (C22).
 */
export const RUNS_AT_HOST_MAX: number = CONCURRENCY_MAX;

/** So many times the program of one run is started: something that kills the agent each time must end. */
export const STARTS_MAX = 3;

/** A run whose program was started by a process that is gone (K8). */
export function afterCrash(facts: {
  readonly definition: TaskDefinition | null;
  readonly starts: number;
}): 'start-again' | 'outcome-unknown' {
  const mayRepeat = facts.definition?.isIdempotent === true && facts.starts < STARTS_MAX;
  return mayRepeat ? 'start-again' : 'outcome-unknown';
}

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why it was asked to end; null: nobody asked. */
  readonly askedFor: AskedFor | null;
}

export type AskedFor = 'time-limit' | 'cancelled' | 'upgrade' | 'restart' | 'agent-stops';

export type TaskOutcome =
  | { readonly outcome: 'succeeded' }
  | { readonly outcome: 'failed'; readonly code: TaskFailure; readonly message: string };

export type TaskFailure =
  | 'task-exited'
  | 'task-killed'
  | 'task-timed-out'
  | 'task-cancelled'
  | 'task-cut-short';

/** Who was asked to end has not done all that it was there for, whatever its exit code says (K9). */
export function outcomeOf(end: ProgramEnd, timeLimitMs: number): TaskOutcome {
  const how = end.signal === null ? `exit code ${end.exitCode}` : `signal ${end.signal}`;
  switch (end.askedFor) {
    case 'time-limit':
      return failed('task-timed-out', `it ran for more than ${timeLimitMs / 1_000} s (${how})`);
    case 'cancelled':
      return failed('task-cancelled', `it was cancelled (${how})`);
    case 'upgrade':
      return failed('task-cut-short', `an upgrade did not wait for it any longer (${how})`);
    case 'restart':
      return failed('task-cut-short', `a restart did not wait for it any longer (${how})`);
    case 'agent-stops':
      return failed('task-cut-short', `the agent was stopped (${how})`);
    case null:
      if (end.exitCode === 0) return { outcome: 'succeeded' };
      return end.signal === null ? failed('task-exited', how) : failed('task-killed', how);
  }
}

function failed(code: TaskFailure, message: string): TaskOutcome {
  return { outcome: 'failed', code, message };
}
