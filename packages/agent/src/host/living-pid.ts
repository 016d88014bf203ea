import { readFileSync } from 'node:fs';
import { readHolder, startTimeOf } from '@moult/core/boot';
import { readTextIfPresent } from '@moult/runtime/files';

/** The process that a file names by pid and start time, if it lives; null otherwise. */
export async function livingPid(path: string): Promise<number | null> {
  const holder = readHolder(await readTextIfPresent(path));
  if (holder === null) return null;
  try {
    const stat = readFileSync(`/proc/${holder.pid}/stat`, 'utf8');
    return startTimeOf(stat) === holder.startTime ? holder.pid : null;
  } catch {
    return null;
  }
}
