/* Reasons of the closed list in words; of one that only a newer program knows, its name. */
import { HOLD_REASONS, type HoldReasonText, isHoldReason } from '@moult/core/command';

/** `the agent is paused (paused)`. */
export function holdText(reason: string): string {
  const known = knownReason(reason);
  return known === null ? reason : `${known.text} (${reason})`;
}

/** Null: there is none, or only a newer program knows it. */
export function knownReason(reason: string | null): HoldReasonText | null {
  return isHoldReason(reason) ? HOLD_REASONS[reason] : null;
}
