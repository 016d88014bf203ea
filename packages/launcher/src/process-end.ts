import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Clock } from '@moult/runtime/clock';
import type { AgentEnd } from './ports.ts';

/** After its end, how long a process's last lines may take when a child of it keeps a stream open. */
const LAST_LINES_MS = 250;

/** Resolves once it has ended and what it said was read. `onExit`: it has ended, and may have said something that is on its way. */
export function endOf(
  child: ChildProcess,
  with_: {
    readonly streams: readonly (Readable | null)[];
    readonly clock: Clock;
    readonly onExit: () => void;
  },
): Promise<AgentEnd> {
  const { streams, clock, onExit } = with_;
  return new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => {
      onExit();
      const settled = new AbortController();
      const done = () => {
        settled.abort();
        // A grandchild that inherited the streams must not keep them, nor this process, open.
        for (const stream of streams) stream?.destroy();
        resolve({ exitCode, signal });
      };
      child.once('close', done);
      clock.sleep(LAST_LINES_MS, settled.signal).then(done, () => undefined);
    });
  });
}
