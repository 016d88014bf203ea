// One set-up at a time in a checkout. The lock is a file made with O_EXCL; its holder touches it every few
// seconds, so that a lock whose holder was killed is known by its age (a process id alone may be reused, or
// belong to another container). A stale lock is renamed away first: of several who find it, one succeeds.

import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CACHE_DIR } from './places.mjs';
import { SetupError } from './setup-error.mjs';

const LOCK_PATH = join(CACHE_DIR, 'setup.lock');
const TOUCH_EVERY_MS = 2_000;
/** Fifteen missed touches: a loaded machine may miss some, a living holder never misses all. */
const STALE_AFTER_MS = 30_000;
const POLL_EVERY_MS = 250;
/** Longer than a first installation over a slow line. */
const WAIT_MAX_MS = 30 * 60_000;

export async function withLock(work) {
  const token = await acquire();
  const touching = setInterval(() => touch(token), TOUCH_EVERY_MS);
  const removeOnExit = () => release(token);
  process.once('exit', removeOnExit);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    process.removeListener('exit', removeOnExit);
    release(token);
  }
}

async function acquire() {
  const token = `${process.pid} ${process.hrtime.bigint()}\n`;
  const startedMs = Date.now();
  let isAnnounced = false;
  for (;;) {
    if (tryCreate(token)) return token;
    if (removeIfStale()) continue;
    if (!isAnnounced)
      process.stderr.write('Waiting for another set-up of this checkout to finish ...\n');
    isAnnounced = true;
    if (Date.now() - startedMs > WAIT_MAX_MS) {
      throw new SetupError(
        'Another set-up of this checkout does not finish.',
        `End it, delete ${LOCK_PATH}, and try again.`,
      );
    }
    await wait(POLL_EVERY_MS);
  }
}

function tryCreate(token) {
  try {
    mkdirSync(CACHE_DIR, { recursive: true });
    writeFileSync(LOCK_PATH, token, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw new SetupError(
      `Cannot write to this checkout (${error.message}).`,
      'Clone it to a directory that you may write to, with space left, and try again.',
    );
  }
}

function removeIfStale() {
  try {
    const { mtimeMs } = statSync(LOCK_PATH);
    if (Date.now() - mtimeMs < STALE_AFTER_MS && isHolderAlive()) return false;
    const asidePath = `${LOCK_PATH}.stale-${process.pid}`;
    renameSync(LOCK_PATH, asidePath);
    rmSync(asidePath, { force: true });
    return true;
  } catch (error) {
    if (error.code === 'ENOENT') return true;
    throw error;
  }
}

function isHolderAlive() {
  const pid = Number.parseInt(readFileSync(LOCK_PATH, 'utf8'), 10);
  if (!Number.isInteger(pid)) return true; // just being written
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function touch(token) {
  try {
    if (readFileSync(LOCK_PATH, 'utf8') === token) utimesSync(LOCK_PATH, new Date(), new Date());
  } catch {
    // Lost lock: nothing to touch. The work goes on; both installations end in the same state.
  }
}

function release(token) {
  try {
    if (readFileSync(LOCK_PATH, 'utf8') === token) rmSync(LOCK_PATH, { force: true });
  } catch {
    // Already gone.
  }
}
