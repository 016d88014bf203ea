/* What keeps a rollout that is planned from its start. Nothing: a person starts it. */
import type { HoldReason } from '../command/reasons.ts';

export interface BeforeStart {
  readonly needsSecondPrincipal: boolean;
  readonly isApproved: boolean;
  /** When it starts by itself, wall clock in ms; null: at no time. */
  readonly startsMs: number | null;
  /** Of the sibling that it follows: has it ended well? Null: it follows nobody. */
  readonly isSiblingOver: boolean | null;
}

/** What is asked first is told first: an approval is a person’s, and takes longest. */
export function startHoldOf(
  rollout: BeforeStart,
): { readonly reason: HoldReason; readonly untilMs: number | null } | null {
  const { needsSecondPrincipal, isApproved, startsMs, isSiblingOver } = rollout;
  if (needsSecondPrincipal && !isApproved) return { reason: 'awaiting-approval', untilMs: null };
  if (isSiblingOver === false) return { reason: 'awaiting-sibling', untilMs: null };
  if (startsMs !== null) return { reason: 'awaiting-time', untilMs: startsMs };
  return null;
}
