/* Which process works on a store: the one that holds its lock, as the kernel says. Taking the lock would ask it, too, and get in its way. */
import { readFile, stat } from 'node:fs/promises';
import { processFacts } from '@moult/runtime/diagnosis';

export async function holderFacts(databasePath: string): Promise<object> {
  const lockPath = `${databasePath}.lock`;
  const { ino } = await stat(lockPath);
  const locks = await readFile('/proc/locks', 'utf8');
  const pids = new Set(
    locks.split('\n').flatMap((line) => {
      // 1: POSIX  ADVISORY  WRITE 4711 08:01:131090 0 EOF
      const [, , , , pid = '', place = ''] = line.trim().split(/\s+/);
      return place.endsWith(`:${ino}`) && Number(pid) > 0 ? [Number(pid)] : [];
    }),
  );
  return {
    lockPath,
    isHeld: pids.size > 0,
    processes: await Promise.all([...pids].map(processFacts)),
  };
}
