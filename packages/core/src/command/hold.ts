import type { AgentState } from '../agent-state.ts';
import type { HoldReason } from './reasons.ts';

/** What decides whether an autoUpgrade may be sent now (H4). Every field is a fact of the coordinator's store. */
export interface HoldFacts {
  readonly state: AgentState;
  readonly isValidated: boolean;
  readonly isQuarantined: boolean;
  readonly isInProbation: boolean;
  /** Another command of this instance is accepted or running. */
  readonly isUpgradeInFlight: boolean;
  readonly isForced: boolean;
  readonly isRevert: boolean;
  /** The release has a build for this instance's platform; null: the platform is not known yet. */
  readonly hasPlatform: boolean | null;
  readonly isLauncherTooOld: boolean;
  /** This host has refused exactly this digest, and nobody forces it. */
  readonly isRefusedHere: boolean;
  /** When the next try is due, wall clock in ms; 0: now. */
  readonly notBeforeMs: number;
  /** A choice's command, and as many of its group as may be are upgrading already. */
  readonly isTurnTaken: boolean;
  readonly isRestoredAndNotAdopted: boolean;
}

/** The first thing that stands in the way, most basic first; null: send it. Pure and total (C1). */
export function holdReasonOf(facts: HoldFacts, nowMs: number): HoldReason | null {
  if (facts.isRestoredAndNotAdopted) return 'coordinator-restored';
  if (facts.isQuarantined) return 'quarantined';
  if (!facts.isValidated) return 'unvalidated';
  if (facts.hasPlatform === false) return 'no-platform';
  if (facts.isLauncherTooOld) return 'launcher-too-old';
  if (facts.isRefusedHere && !facts.isForced) return 'refused-here';
  switch (facts.state) {
    case 'Down':
      return 'agent-down';
    case 'Paused':
      return 'paused';
    case 'Upgrading':
      return 'upgrading';
    case 'Upgrade Failed':
      if (!facts.isForced && !facts.isRevert) return 'upgrade-failed';
      break;
    case 'Up':
      break;
  }
  if (facts.isInProbation) return 'in-probation';
  if (facts.isUpgradeInFlight) return 'upgrading';
  if (nowMs < facts.notBeforeMs && !facts.isForced) return 'retry-backoff';
  if (facts.isTurnTaken) return 'awaiting-turn';
  return null;
}
