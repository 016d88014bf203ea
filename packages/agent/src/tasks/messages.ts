/* What is told of a run, made of what is known of it. */
import type { CodedError } from '@moult/core/errors';
import { outcomeOf } from '@moult/core/task';
import type { FinishMessage, TaskRunMessage } from '@moult/protocol';
import type { TaskRunRow } from '../database/index.ts';
import { plainFinish } from '../upgrade/finish.ts';
import { isOrdered } from './rows.ts';
import type { RunEnd } from './run.ts';

export function startOf(row: TaskRunRow): TaskRunMessage {
  const { run, task, commandId, attempt, startedMs, starts } = row;
  return {
    run,
    task,
    commandId,
    attempt,
    startedMs,
    endedMs: 0,
    outcome: '',
    code: '',
    message: '',
    exitCode: -1,
    signal: '',
    outputBytes: 0,
    droppedBytes: 0,
    starts,
  };
}

interface Ended {
  readonly said: TaskRunMessage;
  /** Null: no command waits for it. */
  readonly finish: FinishMessage | null;
}

type Failure = Pick<CodedError, 'code' | 'message'>;

export function endOf(
  of: {
    readonly row: TaskRunRow;
    readonly nowMs: number;
  } & (
    | { readonly end: RunEnd; readonly timeLimitMs: number }
    /** Nobody saw its program end. */
    | { readonly failure: Failure }
  ),
): Ended {
  const { row, nowMs } = of;
  const outcome = 'failure' in of ? ({ outcome: 'failed', ...of.failure } as const) : outcomeIn(of);
  const { code, message } = outcome.outcome === 'failed' ? outcome : NOTHING_WRONG;
  const seen =
    'failure' in of
      ? {}
      : {
          exitCode: of.end.end?.exitCode ?? -1,
          signal: of.end.end?.signal ?? '',
          outputBytes: of.end.outputBytes,
          droppedBytes: of.end.droppedBytes,
        };
  return {
    // A clock may have been set back meanwhile.
    said: {
      ...startOf(row),
      endedMs: Math.max(nowMs, row.startedMs),
      outcome: outcome.outcome,
      code,
      message,
      ...seen,
    },
    finish: isOrdered(row) ? plainFinish(row, { outcome: outcome.outcome, code, message }) : null,
  };
}

const NOTHING_WRONG = { code: '', message: '' } as const;

function outcomeIn(of: {
  readonly end: RunEnd;
  readonly timeLimitMs: number;
}): ReturnType<typeof outcomeOf> | ({ readonly outcome: 'failed' } & Failure) {
  const { end, trouble } = of.end;
  if (end !== null) return outcomeOf(end, of.timeLimitMs);
  return { outcome: 'failed', code: 'task-not-started', message: trouble };
}
