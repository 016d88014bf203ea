import type { DatabaseSync } from 'node:sqlite';
import type { FinishMessage, TaskRunMessage } from '@moult/protocol';
import type { Inbox } from './inbox.ts';
import { transact } from './open.ts';
import type { Outbox } from './outbox.ts';

/** One run that is not over. Both versions of an upgrade read these rows: a frozen contract. */
export interface TaskRunRow {
  /** `COMMAND/ATTEMPT`, or `@TASK/MS` of a schedule. */
  readonly run: string;
  readonly task: string;
  /** Empty: its schedule. */
  readonly commandId: string;
  readonly attempt: number;
  readonly parameters: readonly { readonly name: string; readonly value: string }[];
  /** 0: it is due, and was never started. */
  readonly starts: number;
  readonly startedMs: number;
  /** Leader of the program's process group; null: not known. */
  readonly leader: Leader | null;
}

/** What a pid says is true for one life of the kernel, and of one process only with its start time. */
export interface Leader {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
}

/**
 * K4: the journal of runs. What is said of a run and what is kept of it change in one transaction, so that a crash
 * anywhere leaves either a row, for whoever comes next, or the end in the outbox.
 */
export interface TaskRuns {
  /** In the order of their arrival. */
  list(): readonly TaskRunRow[];
  /** A schedule's run that waits. */
  due(row: TaskRunRow): void;
  /** Before its program is started. */
  started(row: TaskRunRow, said: TaskRunMessage): void;
  led(run: string, leader: Leader): void;
  /** `finish`: the end of what ordered it; null: its schedule did. */
  over(said: TaskRunMessage, finish: FinishMessage | null): void;
  /** It never started, and will not. */
  dropped(run: string): void;
}

export function createTaskRuns(
  database: DatabaseSync,
  queues: { readonly inbox: Inbox; readonly outbox: Outbox },
): TaskRuns {
  const { inbox, outbox } = queues;
  const list = database.prepare(LIST);
  const put = database.prepare(
    `INSERT INTO task_runs (run, task, command_id, attempt, parameters, starts, started_ms, leader)
       VALUES (?, ?, ?, ?, ?, ?, ?, '') ON CONFLICT (run) DO UPDATE SET
       starts = excluded.starts, started_ms = excluded.started_ms, leader = ''`,
  );
  const lead = database.prepare('UPDATE task_runs SET leader = ? WHERE run = ?');
  const remove = database.prepare('DELETE FROM task_runs WHERE run = ?');
  const save = (row: TaskRunRow) => {
    const { run, task, commandId, attempt, parameters, starts, startedMs } = row;
    put.run(run, task, commandId, attempt, JSON.stringify(parameters), starts, startedMs);
  };
  return {
    list: () => list.all().map(rowOf),
    due: (row) => save(row),
    started: (row, said) =>
      transact(database, () => {
        save(row);
        outbox.append({ item: 'taskRun', taskRun: said });
      }),
    led: (run, leader) => void lead.run(JSON.stringify(leader), run),
    over: (said, finish) => {
      let isSaid = false;
      const say = () => {
        remove.run(said.run);
        outbox.append({ item: 'taskRun', taskRun: said });
        isSaid = true;
      };
      if (finish !== null) inbox.finish(finish, say);
      // What ordered it has ended already, in another way: its run is over all the same.
      if (!isSaid) transact(database, say);
    },
    dropped: (run) => void remove.run(run),
  };
}

/** Of a database that a version before tasks may have written. */
export function readRuns(database: DatabaseSync): readonly TaskRunRow[] {
  const table = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'task_runs'").get();
  if (table === undefined) return [];
  return database.prepare(LIST).all().map(rowOf);
}

const LIST = 'SELECT * FROM task_runs ORDER BY arrival';

function rowOf(row: Readonly<Record<string, unknown>>): TaskRunRow {
  return {
    run: String(row['run']),
    task: String(row['task']),
    commandId: String(row['command_id']),
    attempt: Number(row['attempt']),
    parameters: JSON.parse(String(row['parameters'])),
    starts: Number(row['starts']),
    startedMs: Number(row['started_ms']),
    leader: row['leader'] === '' ? null : (JSON.parse(String(row['leader'])) as Leader),
  };
}
