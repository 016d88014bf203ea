/*
 * Names for what one process is working on, beside what others work on. After a kill -9 the next process tells
 * by the name what nobody works on any more: the process is gone, or bears our number and is not us.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Tells this process from an earlier one of the same number. */
const PROCESS_TOKEN = randomUUID();

/** `<prefix>.<pid>.<token>.<unique>`; the prefix has no dot. */
export function ownName(prefix: string): string {
  return `${prefix}.${process.pid}.${PROCESS_TOKEN}.${randomUUID()}`;
}

/** Whether `ownName` of a process that is gone made this name. */
export function isAbandoned(name: string): boolean {
  const [, pid, token] = name.split('.');
  if (pid === undefined || token === undefined || !/^\d+$/.test(pid)) return false;
  if (token === PROCESS_TOKEN) return false;
  return Number(pid) === process.pid || !isRunning(Number(pid));
}

export async function removeAbandoned(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (isAbandoned(name)) await removeTree(join(dir, name));
  }
}

/** How often a removal is tried when something writes there meanwhile. */
const REMOVE_TRIES = 5;

/** Removes a tree of our own. What cannot be removed now is found abandoned later; it must not hide why the work ended. */
export async function removeTree(dir: string): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: REMOVE_TRIES, retryDelay: 10 }).catch(
    () => undefined,
  );
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is running, too.
    return typeof error === 'object' && error !== null && Reflect.get(error, 'code') === 'EPERM';
  }
}
