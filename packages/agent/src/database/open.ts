/*
 * agent.db: what an agent must not forget between two processes, also of two versions. WAL and synchronous=FULL: what
 * is committed is on the disk, so that an acknowledgement sent afterwards is true. A file that cannot be read is kept
 * aside and a new one begun: an agent without its past still serves, one that crashes over it does not.
 */
import { renameSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { CodedError } from '@moult/core/errors';
import { codeOf } from '@moult/runtime/files';

/** Number of the schema that this version writes. */
export const STATE_SCHEMA = 2;
/** The oldest version's schema number that can read what this one writes. */
export const READABLE_SINCE = 1;

/** Each entry takes the schema one number up. Only ever added to, and only expanding. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE upgrade_record (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     state TEXT NOT NULL
   ) STRICT;
   CREATE TABLE inbox (
     arrival INTEGER PRIMARY KEY AUTOINCREMENT,
     command_id TEXT NOT NULL,
     attempt INTEGER NOT NULL,
     message TEXT NOT NULL,
     finish TEXT,
     UNIQUE (command_id, attempt)
   ) STRICT;
   CREATE TABLE outbox (
     sequence INTEGER PRIMARY KEY,
     attempt_id TEXT UNIQUE,
     item TEXT NOT NULL
   ) STRICT;
   CREATE TABLE stream (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     epoch TEXT NOT NULL,
     last_sequence INTEGER NOT NULL,
     acknowledged INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE session (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     counter INTEGER NOT NULL,
     ticket TEXT NOT NULL,
     generation INTEGER NOT NULL,
     position INTEGER NOT NULL
   ) STRICT;
   INSERT INTO session VALUES (1, 0, '', 0, 0);
   CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
  // Output has limits of size and age; runs of tasks outlive their agent's process.
  `ALTER TABLE outbox ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE outbox ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE outbox ADD COLUMN covers INTEGER NOT NULL DEFAULT 1;
   CREATE TABLE task_runs (
     arrival INTEGER PRIMARY KEY AUTOINCREMENT,
     run TEXT NOT NULL UNIQUE,
     task TEXT NOT NULL,
     command_id TEXT NOT NULL,
     attempt INTEGER NOT NULL,
     parameters TEXT NOT NULL,
     starts INTEGER NOT NULL,
     started_ms INTEGER NOT NULL,
     leader TEXT NOT NULL
   ) STRICT;
   CREATE TABLE numbered_streams (stream TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;`,
];

export interface OpenedDatabase {
  readonly database: DatabaseSync;
  /** Where the unreadable file before was kept; null: there was none. */
  readonly setAsidePath: string | null;
}

/** Throws `state-too-new` for a database that only newer versions can read. */
export function openDatabase(path: string, nowMs: number): OpenedDatabase {
  try {
    return { database: openReadable(path), setAsidePath: null };
  } catch (error) {
    if (!isCorrupt(error)) throw error;
    const setAsidePath = `${path}.unreadable-${nowMs}`;
    for (const suffix of ['', '-wal', '-shm']) {
      try {
        renameSync(`${path}${suffix}`, `${setAsidePath}${suffix}`);
      } catch (cause) {
        if (codeOf(cause) !== 'ENOENT') throw cause;
      }
    }
    return { database: openReadable(path), setAsidePath };
  }
}

function openReadable(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 2_000 });
  try {
    database.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=4194304;',
    );
    requireWhole(database, path);
    migrate(database, path);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A lost block may lie anywhere: found here the file is kept aside, found later it would end each start to come. */
function requireWhole(database: DatabaseSync, path: string): void {
  const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (found === 'ok') return;
  throw Object.assign(new Error(`${path} is damaged: ${found}`), { errcode: CORRUPT });
}

/** Throws `state-too-new`; `path` is what it calls the database. */
export function migrate(database: DatabaseSync, path: string): void {
  database.exec(
    `CREATE TABLE IF NOT EXISTS schema (
       id INTEGER PRIMARY KEY CHECK (id = 1),
       number INTEGER NOT NULL,
       readable_since INTEGER NOT NULL
     ) STRICT`,
  );
  const row = database.prepare('SELECT number, readable_since FROM schema').get();
  const number = Number(row?.['number'] ?? 0);
  const readableSince = Number(row?.['readable_since'] ?? 0);
  if (readableSince > STATE_SCHEMA) {
    throw new CodedError(
      'state-too-new',
      `${path} has schema ${number}, readable since ${readableSince}; this version knows ${STATE_SCHEMA}`,
    );
  }
  if (number >= STATE_SCHEMA) return;
  transact(database, () => {
    for (const text of MIGRATIONS.slice(number, STATE_SCHEMA)) database.exec(text);
    database
      .prepare(
        'INSERT INTO schema VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET number = excluded.number, readable_since = excluded.readable_since',
      )
      .run(STATE_SCHEMA, READABLE_SINCE);
  });
}

/** A newer version may have written it since. */
export function readableSince(database: DatabaseSync): number {
  const row = database.prepare('SELECT readable_since FROM schema').get();
  return Number(row?.['readable_since'] ?? 0);
}

/** Commits durably when it returns; nothing of it happened when it throws. */
export function transact<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB, with their extended codes. */
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

/** Whether the file's content is beyond reading, as against a full disk or a missing permission. */
export function isCorrupt(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return false;
  const primary = Number(error.errcode) & 0xff;
  return primary === CORRUPT || primary === NOT_A_DATABASE;
}

/** SQLITE_BUSY, LOCKED, READONLY, IOERR, FULL and CANTOPEN. */
const DISK_TROUBLES: ReadonlySet<number> = new Set([5, 6, 8, 10, 13, 14]);
const FILE_TROUBLES: ReadonlySet<string> = new Set([
  ...['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'],
  // No handle left, of this process or of the host.
  ...['EMFILE', 'ENFILE'],
]);

/** Whether the disk did not take a write, or not now: what was to be kept is not, and may be tried again. */
export function isDiskTrouble(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('errcode' in error) return DISK_TROUBLES.has(Number(error.errcode) & 0xff);
  return FILE_TROUBLES.has(codeOf(error) ?? '');
}
