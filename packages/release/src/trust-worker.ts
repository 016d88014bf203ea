/*
 * The entry of the trust worker: one task, one answer. While its loop turns it says so; hostile metadata that
 * blocks the loop makes it silent, and the client ends it (T5).
 */
import { parentPort, workerData } from 'node:worker_threads';
import { codedErrorFrom } from '@moult/core/errors';
import { everyMs, systemClock } from '@moult/runtime/clock';
import { checkTrust } from './trust-check.ts';
import { ALIVE_MS, type TrustMessage, type TrustTask } from './trust-messages.ts';

const say = (message: TrustMessage) => parentPort?.postMessage(message);

async function runTask(task: TrustTask): Promise<void> {
  const done = new AbortController();
  const alive = everyMs(systemClock, ALIVE_MS, done.signal, () => say({ kind: 'alive' }));
  try {
    say({ kind: 'trusted', outcome: await checkTrust(task, systemClock) });
  } catch (caught) {
    const { code, message } = codedErrorFrom(caught);
    say({ kind: 'refused', code, message });
  }
  done.abort();
  await alive;
}

if (parentPort !== null) void runTask(workerData);
