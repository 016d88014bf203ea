/* Output as it is read: a page, or a wait for the next rows, so that who follows it asks only when there is something. */
import { CodedError } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { Store } from '@moult/store';
import type { OutputWaiters } from '../../output/output-waiters.ts';
import type { Handlers } from '../handler.ts';
import { outputRowOf } from '../views.ts';

/** Of one answer, before base64; whoever wants more asks again. */
const ANSWER_BYTES_MAX = 4_194_304;

export function outputHandlers(options: {
  readonly store: Store;
  readonly clock: Clock;
  readonly waiters: OutputWaiters;
}): Pick<Handlers, 'listOutput'> {
  const { store, clock, waiters } = options;
  return {
    listOutput: async ({ query, signal }) => {
      const { agent, task = null, run = null, stream = null, sinceMs = null, limit } = query;
      const instanceIds = await store.read('instanceIdsNamed', agent);
      if (instanceIds.length === 0) {
        throw new CodedError('not-found', `there is no agent ${agent}`);
      }
      const what = { instanceIds, task, run, stream, sinceMs, limit, bytesMax: ANSWER_BYTES_MAX };
      const untilMs = clock.monotonicMs() + query.waitMs;
      const watch = query.waitMs > 0 ? waiters.watch(instanceIds) : null;
      try {
        for (let after = query.after ?? null; ; ) {
          const page = await store.read('outputPage', { ...what, after });
          const leftMs = untilMs - clock.monotonicMs();
          const isOver = watch === null || leftMs <= 0 || signal.aborted || waiters.isStopped;
          if (page.rows.length > 0 || isOver) {
            const rows = page.rows.map((row) => outputRowOf(row, agent));
            return { rows, next: page.next, from: page.from };
          }
          after = page.next;
          await watch.wait(leftMs, signal);
        }
      } finally {
        watch?.end();
      }
    },
  };
}
