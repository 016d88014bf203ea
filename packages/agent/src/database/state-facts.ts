import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type AgentCondition, FIRST_CONDITION, type UpgradeState } from '@moult/core/upgrade';
import { type NoSession, readSessionNotes } from '../session/session-notes.ts';
import { conditionFrom } from './condition-row.ts';
import { weightOf } from './outbox-limits.ts';
import { readRuns, type TaskRunRow } from './task-runs.ts';

/** What can be read of agent.db while another process serves from it, or none does. */
export interface StateFacts {
  readonly upgrade: UpgradeState;
  readonly condition: AgentCondition;
  /** What the coordinator calls this agent; null: it never said. */
  readonly nameAtCoordinator: string | null;
  /** Why there is no session; null: there is one, or none was tried yet. */
  readonly noSession: NoSession | null;
  /** Output that the coordinator has not acknowledged. */
  readonly outboxItems: number;
  /** What it takes of `outboxBytes`. */
  readonly outboxBytes: number;
  /** When the oldest record of it was written; null: there is none. */
  readonly outboxOldestMs: number | null;
  /** Accepted commands that have not ended. */
  readonly inboxItems: number;
  /** Runs of tasks that are not over; those that never started wait. */
  readonly runs: readonly TaskRunRow[];
  readonly sessionCounter: number;
  /** Why agent.db could not be read; null: it could, or there is none yet. */
  readonly trouble: string | null;
}

const NOTHING: StateFacts = {
  upgrade: { kind: 'idle' },
  condition: FIRST_CONDITION,
  nameAtCoordinator: null,
  noSession: null,
  outboxItems: 0,
  outboxBytes: 0,
  outboxOldestMs: null,
  inboxItems: 0,
  runs: [],
  sessionCounter: 0,
  trouble: null,
};

export function readStateFacts(path: string): StateFacts {
  if (!existsSync(path)) return NOTHING;
  try {
    const database = new DatabaseSync(path, { readOnly: true, timeout: 1_000 });
    try {
      const record = database.prepare('SELECT state FROM upgrade_record').get();
      const count = (text: string) => Number(database.prepare(text).get()?.['n'] ?? 0);
      const meta = database.prepare('SELECT value FROM meta WHERE name = ?');
      const read = (name: string) => {
        const row = meta.get(name);
        return row === undefined ? null : String(row['value']);
      };
      return {
        condition: conditionFrom(read),
        ...readSessionNotes(read),
        upgrade:
          record === undefined
            ? NOTHING.upgrade
            : (JSON.parse(String(record['state'])) as UpgradeState),
        ...outboxIn(database),
        inboxItems: count('SELECT count(*) AS n FROM inbox WHERE finish IS NULL'),
        runs: readRuns(database),
        sessionCounter: count('SELECT counter AS n FROM session'),
        trouble: null,
      };
    } finally {
      database.close();
    }
  } catch (error) {
    return { ...NOTHING, trouble: error instanceof Error ? error.message : String(error) };
  }
}

function outboxIn(
  database: DatabaseSync,
): Pick<StateFacts, 'outboxItems' | 'outboxBytes' | 'outboxOldestMs'> {
  const one = (text: string) => database.prepare(text).get();
  const items = Number(one('SELECT count(*) AS n FROM outbox')?.['n']);
  const columns = database.prepare('PRAGMA table_info(outbox)').all();
  // A version before output had limits weighed nothing.
  if (!columns.some(({ name }) => name === 'bytes')) {
    return { outboxItems: items, outboxBytes: 0, outboxOldestMs: null };
  }
  const bytes = Number(one('SELECT total(bytes) AS bytes FROM outbox')?.['bytes']);
  // Only records have a time.
  const oldest = one('SELECT at_ms FROM outbox WHERE at_ms > 0 ORDER BY sequence LIMIT 1');
  return {
    outboxItems: items,
    outboxBytes: Math.round(weightOf({ items, bytes })),
    outboxOldestMs: oldest === undefined ? null : Number(oldest['at_ms']),
  };
}
