/*
 * One serving agent per root. Node has no flock, so the lock is a transaction of SQLite that is held open: the kernel
 * lets go of it when the process ends, however it ends. holder.json tells a new launcher whom to end.
 */
import { readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { encodeHolder, startTimeOf } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import { writeFileDurably } from '@moult/runtime/files';
import { isCorrupt } from './open.ts';

export interface Lock {
  release(): void;
}

/** A process that is just ending needs a moment to let go. */
const WAIT_MS = 2_000;

const HOLD = 'PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE';

/** SQLITE_BUSY: the one failure that tells of another holder. */
const BUSY = 5;

/** Throws `agent-already-running`; `file-unwritable` where the disk, and nobody else, is in the way. */
export async function takeLock(layout: Layout): Promise<Lock> {
  let database: DatabaseSync | null = null;
  try {
    database = openLock(layout.lockPath);
    try {
      database.exec(HOLD);
    } catch (error) {
      if (!isCorrupt(error)) throw error;
      // It holds nothing but the lock, and nobody can hold a lock in what is no database.
      database.close();
      rmSync(layout.lockPath, { force: true });
      database = openLock(layout.lockPath);
      database.exec(HOLD);
    }
  } catch (cause) {
    database?.close();
    throw lockError(cause, layout.lockPath);
  }
  const held = database;
  const startTime = startTimeOf(readFileSync('/proc/self/stat', 'utf8'));
  if (startTime !== null) {
    await writeFileDurably(layout.holderPath, encodeHolder({ pid: process.pid, startTime }), {
      mode: 0o644,
    });
  }
  return { release: () => held.close() };
}

function lockError(cause: unknown, path: string): CodedError {
  if (!(cause instanceof Error)) return new CodedError('file-unwritable', `cannot lock ${path}`);
  if ('errcode' in cause && (Number(cause.errcode) & 0xff) === BUSY) {
    return new CodedError('agent-already-running', `another agent holds ${path}`, { cause });
  }
  return new CodedError('file-unwritable', `cannot lock ${path}: ${cause.message}`, { cause });
}

function openLock(path: string): DatabaseSync {
  return new DatabaseSync(path, { timeout: WAIT_MS });
}
