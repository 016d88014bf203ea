/* Opening a database: whose it is, whether it is sound, whether this program may use it, and that nobody else does. */
import { DatabaseSync } from 'node:sqlite';
import { CodedError, type ErrorCode } from '@moult/core/errors';
import { migrate, SCHEMA } from '../migrations/index.ts';
import { kyselyOver } from './adapter.ts';

/** "Molt" in ASCII: tells our files from other programs' (PRAGMA application_id). */
const APPLICATION_ID = 0x4d6f6c74;
const BUSY_MS = 5_000;
/**
 * Of the one that writes. A batch of a hundred writes touches a thousand pages of 4 KiB: what finds no room is put into the log
 * before its time, and read back from it. With 2 MiB, SQLite's own, 4,000 upgrades took a fifth longer.
 */
const CACHE_KIB = 32_768;
const TYPES = { autoPosition: 'integer', bytes: 'blob' } as const;

/** SQLite's primary result codes. */
const RESULT_CODES: Readonly<Record<number, ErrorCode>> = {
  5: 'database-locked',
  6: 'database-locked',
  8: 'database-unwritable',
  10: 'database-unwritable',
  11: 'database-corrupt',
  13: 'disk-full',
  14: 'database-unwritable',
  26: 'database-corrupt',
};

/** What SQLite failed with, as an error that says what to do; others pass through. */
export function databaseError(caught: unknown, path: string): unknown {
  if (typeof caught !== 'object' || caught === null || !('errcode' in caught)) return caught;
  const code = RESULT_CODES[Number(caught.errcode) & 0xff];
  if (code === undefined) return caught;
  const text = caught instanceof Error ? caught.message : String(caught);
  const remedy = `Free space on the file system of ${path}; nothing acknowledged is lost.`;
  return new CodedError(code, `the database ${path}: ${text}`, {
    cause: caught,
    ...(code === 'disk-full' ? { remedy } : {}),
  });
}

/** Throws `database-locked` when another coordinator works on this database. Held until closed, or the process ends. */
export function lockDatabase(path: string): DatabaseSync {
  try {
    const lock = new DatabaseSync(`${path}.lock`);
    lock.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE;');
    return lock;
  } catch (caught) {
    throw databaseError(caught, path);
  }
}

/** Opens for writing: checks, then migrates. */
export async function openForWriting(path: string): Promise<DatabaseSync> {
  try {
    const connection = new DatabaseSync(path);
    try {
      connection.exec(`PRAGMA busy_timeout=${BUSY_MS}`);
      requireSound(connection, path);
      const from = schemaOf(connection, path);
      connection.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;');
      connection.exec(`PRAGMA cache_size=-${CACHE_KIB}`);
      if (from < SCHEMA) await bringUp(connection, from);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  } catch (caught) {
    throw databaseError(caught, path);
  }
}

export function openForReading(path: string): DatabaseSync {
  try {
    const connection = new DatabaseSync(path, { readOnly: true });
    connection.exec(`PRAGMA busy_timeout=${BUSY_MS}; PRAGMA query_only=ON;`);
    return connection;
  } catch (caught) {
    throw databaseError(caught, path);
  }
}

/** Throws `database-corrupt`. */
export function requireSound(connection: DatabaseSync, path: string): void {
  const rows = connection.prepare('PRAGMA quick_check(1)').all();
  const verdict = String(rows[0]?.['quick_check']);
  if (verdict !== 'ok')
    throw new CodedError('database-corrupt', `the database ${path}: ${verdict}`);
}

/** 0 for an empty one. Throws `database-too-new`, and what `schemaNumbersOf` throws. */
function schemaOf(connection: DatabaseSync, path: string): number {
  const { schema, readableSince } = schemaNumbersOf(connection, path);
  if (readableSince > SCHEMA) {
    throw new CodedError(
      'database-too-new',
      `the database ${path} needs schema ${readableSince}, this program knows ${SCHEMA}`,
    );
  }
  return schema;
}

/** Both 0 for an empty one. Throws `database-foreign`, `database-corrupt`. */
export function schemaNumbersOf(
  connection: DatabaseSync,
  path: string,
): { readonly schema: number; readonly readableSince: number } {
  const id = Number(connection.prepare('PRAGMA application_id').get()?.['application_id']);
  const tables = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
  if (id === 0 && tables.length === 0) return { schema: 0, readableSince: 0 };
  if (id !== APPLICATION_ID) {
    throw new CodedError('database-foreign', `${path} is the database of another program`);
  }
  const rows = connection.prepare('SELECT key, value FROM meta').all();
  const numbers = new Map(rows.map((row) => [row['key'], Number(row['value'])]));
  const readableSince = numbers.get('readable-since') ?? Number.NaN;
  const schema = numbers.get('schema') ?? Number.NaN;
  if (Number.isNaN(schema) || Number.isNaN(readableSince)) {
    throw new CodedError('database-corrupt', `the database ${path} does not say its schema`);
  }
  return { schema, readableSince };
}

async function bringUp(connection: DatabaseSync, from: number): Promise<void> {
  connection.exec('BEGIN IMMEDIATE');
  try {
    await migrate(kyselyOver(connection), { from, types: TYPES });
    connection.exec(`PRAGMA application_id=${APPLICATION_ID}`);
    connection.exec('COMMIT');
  } catch (error) {
    if (connection.isTransaction) connection.exec('ROLLBACK');
    throw error;
  }
}
