import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '@moult/runtime/clock';
import { newId, type Random } from '@moult/runtime/random';
import { type ConditionRow, createConditionRow } from './condition-row.ts';
import { createInbox, type Inbox } from './inbox.ts';
import { createMeta, type Meta } from './meta.ts';
import { createNumberedStreams, type NumberedStreams } from './numbered-streams.ts';
import { openDatabase, readableSince } from './open.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { OUTBOX_LIMITS, type OutboxLimits } from './outbox-limits.ts';
import { createSessionCopy, type SessionCopy } from './session-copy.ts';
import { createSessionRow, type SessionRow } from './session-row.ts';
import { createTaskRuns, type TaskRuns } from './task-runs.ts';
import { createUpgradeRecord, type UpgradeRecord } from './upgrade-record.ts';

export type { Inbox, Stored } from './inbox.ts';
export type { Meta } from './meta.ts';
export type { NumberedStreams } from './numbered-streams.ts';
export { isCorrupt, isDiskTrouble } from './open.ts';
export type { Outbox } from './outbox.ts';
export type { Amount } from './outbox-item.ts';
export {
  BATCH_BYTES_MAX,
  BATCH_ITEMS_MAX,
  BATCHES_IN_FLIGHT_MAX,
  OUTBOX_LIMITS,
  type OutboxLimits,
} from './outbox-limits.ts';
export type { SessionRow } from './session-row.ts';
export type { Leader, TaskRunRow, TaskRuns } from './task-runs.ts';
export type { UpgradeRecord } from './upgrade-record.ts';

export interface AgentStore {
  readonly upgradeRecord: UpgradeRecord;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly session: SessionRow;
  readonly meta: Meta;
  readonly condition: ConditionRow;
  readonly taskRuns: TaskRuns;
  readonly numberedStreams: NumberedStreams;
  /** The oldest schema number that can read it as it is. */
  readonly readableSince: number;
  /** Where an unreadable database was kept; null: the usual. */
  readonly setAsidePath: string | null;
  close(): void;
}

export interface OpenStoreOptions {
  readonly path: string;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly outboxLimits?: OutboxLimits;
  readonly random: Random;
  /** Where counter and ticket are kept once more; null: nowhere. */
  readonly sessionCopyPath?: string | null;
}

/** Opens agent.db, making it if need be. Throws `state-too-new`; corruption is no error (see `setAsidePath`). */
export function openStore(options: OpenStoreOptions): AgentStore {
  const { database, setAsidePath } = openDatabase(options.path, options.clock.nowMs());
  const copyPath = options.sessionCopyPath ?? null;
  const copy = copyPath === null ? null : createSessionCopy(copyPath);
  const store = prepareStore(database, { ...options, copy });
  const { session, outbox } = store;
  if (session.read().counter === 0) {
    const lost = copy?.read() ?? null;
    if (lost !== null) session.restore(lost);
  }
  if (setAsidePath !== null) {
    // Nobody knows how much was lost, so the count says nothing; the record says that there was something.
    outbox.append({
      item: 'gap',
      gap: { reason: 'agent-database-lost', items: 0, bytes: 0, covers: 1 },
    });
  }
  return { ...store, setAsidePath, close: () => database.close() };
}

/** Every statement of this version, held against the schema of a database. Throws what SQLite says of one that fits not. */
export function prepareStore(
  database: DatabaseSync,
  options: Pick<OpenStoreOptions, 'clock' | 'outboxLimits' | 'random'> & {
    readonly copy?: SessionCopy | null;
  },
): Omit<AgentStore, 'setAsidePath' | 'close'> {
  const { clock, random, outboxLimits: limits = OUTBOX_LIMITS, copy = null } = options;
  const newEpoch = () => newId(clock.nowMs(), random);
  const outbox = createOutbox(database, { newEpoch, clock, limits });
  const session = createSessionRow(database, copy);
  const meta = createMeta(database);
  const condition = createConditionRow(meta);
  const inbox = createInbox(database, outbox);
  return {
    upgradeRecord: createUpgradeRecord(database, condition),
    inbox,
    outbox,
    session,
    meta,
    condition,
    taskRuns: createTaskRuns(database, { inbox, outbox }),
    numberedStreams: createNumberedStreams(database),
    readableSince: readableSince(database),
  };
}
