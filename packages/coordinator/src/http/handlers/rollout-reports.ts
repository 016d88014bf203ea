/* What is told of a rollout and its agents beyond where it stands (R18, R23). */
import { whyOf } from '@moult/core/rollout';
import type { Store } from '@moult/store';
import type { Handlers } from '../handler.ts';
import { viewOf } from './rollouts.ts';

type ReportHandlers = Pick<Handlers, 'whyRollout'>;

export function rolloutReportHandlers({ store }: { readonly store: Store }): ReportHandlers {
  return {
    whyRollout: async ({ params }) => {
      const rollout = viewOf(await store.read('rolloutView', params.rollout));
      const members = await store.read('unfinishedMembers', rollout.id);
      const reasons = whyOf(rollout, members);
      return { rollout, reasons: reasons.map((one) => ({ ...one, names: [...one.names] })) };
    },
  };
}
