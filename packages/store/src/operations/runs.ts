/*
 * Runs of tasks, newest first, from two tables: an order is a run from the moment it is given, also before a host has
 * begun it; what a schedule started is known by the host's word alone. Both have one order: when they came to be, then
 * their names.
 */
import { type SqlBool, sql } from 'kysely';
import type { CommandTable, TaskRunTable } from '../database.ts';
import { KIND, OPEN_STATES } from './command-rows.ts';
import type { ReadContext } from './context.ts';

/** At least one of them. */
export interface RunView {
  /** Null: its schedule started it, or an order that this store does not know. */
  readonly command: CommandTable | null;
  /** Null: the host has not begun it. */
  readonly told: TaskRunTable | null;
}

export interface RunPage {
  readonly agent: string | null;
  readonly task: string | null;
  /** Id of a run. */
  readonly run: string | null;
  readonly state: 'open' | 'ended' | 'all';
  /** Null: from the newest. */
  readonly before: RunPlace | null;
  readonly limit: number;
}

/** Where a run is in the order of all. */
export interface RunPlace {
  readonly createdMs: number;
  readonly instanceId: string;
  readonly run: string;
}

export function runPlaceOf({ command, told }: RunView): RunPlace {
  if (command === null) {
    return {
      createdMs: told?.started_ms ?? 0,
      instanceId: told?.instance_id ?? '',
      run: told?.run ?? '',
    };
  }
  return {
    createdMs: command.created_ms,
    instanceId: command.instance_id,
    run: told?.run ?? `${command.id}/${command.attempt}`,
  };
}

/** Newest first. */
export async function runPage(db: ReadContext, page: RunPage): Promise<readonly RunView[]> {
  const ordered = await orderedRuns(db, page);
  // A run has one id.
  if (page.run !== null && ordered.length > 0) return ordered;
  const scheduled = await scheduledRuns(db, page);
  return [...ordered, ...scheduled].sort(byPlace).slice(0, page.limit);
}

function byPlace(a: RunView, b: RunView): number {
  const [one, other] = [runPlaceOf(a), runPlaceOf(b)];
  const byTime = other.createdMs - one.createdMs;
  return byTime === 0 ? (tieOf(one) < tieOf(other) ? 1 : -1) : byTime;
}

function tieOf({ instanceId, run }: RunPlace): string {
  return `${instanceId}/${run}`;
}

const RUN_OF_COMMAND = sql<string>`commands.id || '/' || commands.attempt`;

async function orderedRuns(db: ReadContext, page: RunPage): Promise<readonly RunView[]> {
  const tie = sql<string>`commands.instance_id || '/' || commands.id || '/' || commands.attempt`;
  let query = db
    .selectFrom('commands')
    .selectAll()
    // What is open is found by its state, and little against all that there ever was.
    .where(page.state === 'open' ? KIND : 'kind', '=', 'task')
    .orderBy('created_ms', 'desc')
    .orderBy(tie, 'desc')
    .limit(page.limit);
  if (page.agent !== null) query = query.where('agent_name', '=', page.agent);
  if (page.task !== null) query = query.where('task', '=', page.task);
  if (page.run !== null) {
    query = query
      .where('id', '=', page.run.split('/')[0] ?? '')
      .where(RUN_OF_COMMAND, '=', page.run);
  }
  if (page.state === 'open') query = query.where('state', 'in', OPEN_STATES);
  if (page.state === 'ended') query = query.where('state', 'not in', OPEN_STATES);
  const { before } = page;
  if (before !== null) {
    query = query
      .where('created_ms', '<=', before.createdMs)
      .where(sql<SqlBool>`(created_ms < ${before.createdMs} or ${tie} < ${tieOf(before)})`);
  }
  const commands = await query.execute();
  const told = await toldRuns(db, commands);
  return commands.map((command) => ({ command, told: told.get(command.id) ?? null }));
}

async function toldRuns(
  db: ReadContext,
  commands: readonly CommandTable[],
): Promise<ReadonlyMap<string, TaskRunTable>> {
  const ids = commands.map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('task_runs')
    .selectAll()
    .where('command_id', 'in', ids)
    .orderBy('attempt')
    .execute();
  return new Map(rows.map((row) => [row.command_id, row]));
}

function isAnywhere({ run, state }: RunPage): boolean {
  return run === null && state !== 'open';
}

async function scheduledRuns(db: ReadContext, page: RunPage): Promise<readonly RunView[]> {
  const tie = sql<string>`instance_id || '/' || run`;
  let query = db
    .selectFrom('task_runs')
    .selectAll()
    // By the key where one run is meant, by what is open where that is, and not through all that no command has ordered.
    .where(isAnywhere(page) ? 'command_id' : sql`(command_id || '')`, '=', '')
    .orderBy('started_ms', 'desc')
    .orderBy(tie, 'desc')
    .limit(page.limit);
  if (page.agent !== null) query = query.where('agent_name', '=', page.agent);
  if (page.task !== null) query = query.where('task', '=', page.task);
  if (page.run !== null) {
    // Of which instance it is, which is the other part of the key, nobody has said.
    query = query
      .where('run', '=', page.run)
      .where('instance_id', 'in', db.selectFrom('instances').select('id'));
  }
  if (page.state === 'open') query = query.where('ended_ms', 'is', null);
  if (page.state === 'ended') query = query.where('ended_ms', 'is not', null);
  const { before } = page;
  if (before !== null) {
    query = query
      .where('started_ms', '<=', before.createdMs)
      .where(sql<SqlBool>`(started_ms < ${before.createdMs} or ${tie} < ${tieOf(before)})`);
  }
  return (await query.execute()).map((told) => ({ command: null, told }));
}
