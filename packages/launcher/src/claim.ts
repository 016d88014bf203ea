/*
 * One launcher a state directory: `launcher.json` names the process that claimed it, by pid and start time. An
 * execve keeps both, so the chosen launcher finds its own claim. A claim of a dead process is nobody's.
 */
import { type Holder, readHolder } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import type { Layout } from '@moult/core/layout';
import { readTextIfPresent, writeFileDurably } from '@moult/runtime/files';
import { messageOf } from './boot-store.ts';
import type { LauncherLog } from './ports.ts';
import { readStartTime } from './process-spawner.ts';

/** Throws `launcher-already-running`. A disk that cannot hold the claim does not keep the host from booting. */
export async function claimState(layout: Layout, log: LauncherLog): Promise<void> {
  const path = `${layout.stateDir}/launcher.json`;
  const found = readHolder(await readTextIfPresent(path).catch(() => null));
  const own: Holder = { pid: process.pid, startTime: (await readStartTime(process.pid)) ?? '' };
  if (
    found !== null &&
    found.pid !== own.pid &&
    (await readStartTime(found.pid)) === found.startTime
  ) {
    throw new CodedError(
      'launcher-already-running',
      `process ${found.pid} is the launcher of ${layout.stateDir}`,
    );
  }
  if (found?.pid === own.pid && found.startTime === own.startTime) return;
  try {
    await writeFileDurably(path, `${JSON.stringify(own)}\n`);
  } catch (caught) {
    log.warn('the launcher cannot claim its state directory', { why: messageOf(caught) });
  }
}
