import type { Evidence, Slot } from '../boot/index.ts';
import { attemptIdOf, type UpgradeOrder } from './order.ts';
import type { BootView } from './state.ts';

/** What the boot record knows of an attempt. */
export type Fate =
  | { readonly kind: 'on-trial' }
  | { readonly kind: 'refused'; readonly evidence: Evidence }
  | { readonly kind: 'committed' }
  | { readonly kind: 'untried' };

/** By attempt first: a digest may have been refused for an earlier attempt and be on trial again for this one. */
export function fateOf(order: UpgradeOrder, slot: Slot | null, view: BootView): Fate {
  const component = view[order.component];
  const attemptId = attemptIdOf(order);
  if (component.trialAttemptId === attemptId) return { kind: 'on-trial' };
  const refusal = component.refused.find((entry) => entry.attemptId === attemptId);
  if (refusal !== undefined) return { kind: 'refused', evidence: refusal.evidence };
  if (slot !== null && component.committed?.digest === slot.digest) return { kind: 'committed' };
  return { kind: 'untried' };
}

/** What is said of an attempt that the boot record does not know any more. */
export const TRIAL_LOST: Evidence = {
  reason: 'not-started',
  detail:
    'the boot record no longer knew of the trial (it was unreadable and recovered, or replaced by hand)',
  exitCode: null,
  signal: null,
  logLines: [],
  samples: [],
};
