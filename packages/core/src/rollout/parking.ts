/* Whom a rollout passes over when its turn has come. */
import type { HoldReason } from '../command/reasons.ts';

/**
 * A coordinator that has just begun to listen knows of nobody that it is away: agents come back within the longest pause
 * between two of their tries (docs/defaults.md, reconnect).
 */
export const ARRIVING_MS = 60_000;

/** Reasons for which a member goes on waiting for its own turn; all others are those of its host, which is passed over. */
const TURN_REASONS: readonly HoldReason[] = [
  'awaiting-turn',
  'upgrading',
  'in-probation',
  'rollout-paused',
  'rollout-halted',
  'coordinator-restored',
  'coordinator-upgrading',
];

/** Whether a member whose command is held for that reason is parked. `listeningMs`: for how long the coordinator listens. */
export function isParkedFor(reason: HoldReason, listeningMs: number): boolean {
  if (reason === 'agent-down' && listeningMs < ARRIVING_MS) return false;
  return !TURN_REASONS.includes(reason);
}
