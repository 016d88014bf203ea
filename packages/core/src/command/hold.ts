import { type AgentAction, actionAnswer } from '../agent-actions.ts';
import type { AgentState } from '../agent-state.ts';
import type { OwnerHold } from '../owner-word.ts';
import type { CommandKind } from './kinds.ts';
import type { HoldReason } from './reasons.ts';

/** What decides whether a command may be sent now. Every field is a fact of the coordinator's store. */
export interface HoldFacts {
  readonly kind: CommandKind;
  readonly state: AgentState;
  readonly isValidated: boolean;
  readonly isQuarantined: boolean;
  readonly isInProbation: boolean;
  /** The agent declared that it can do this kind; null: no session of it was ever seen. */
  readonly isCapable: boolean | null;
  readonly isRestoredAndNotAdopted: boolean;
  /** Another upgrade of this instance is accepted or running. */
  readonly isUpgradeInFlight: boolean;
  /** The agent has just come Up, and an upgrade that can be sent has not had its first attempt yet (H9). */
  readonly isUpgradeFirst: boolean;
  readonly upgrade: UpgradeFacts;
}

/** Those about an upgrade alone; `NO_UPGRADE_FACTS` for commands of other kinds. */
export interface UpgradeFacts {
  readonly isForced: boolean;
  readonly isRevert: boolean;
  /** The agent declared that it can do it at that pace; null: no session of it was ever seen. */
  readonly isPaceKnown: boolean | null;
  /** The release has a build for this instance's platform; null: the platform is not known yet. */
  readonly hasPlatform: boolean | null;
  readonly isLauncherTooOld: boolean;
  /** This host has refused exactly this digest, and nobody forces it. */
  readonly isRefusedHere: boolean;
  /** What the owner of the host has said against it (P6), unless it is forced. */
  readonly ownerHold: OwnerHold | null;
  /** When the next try is due, wall clock in ms; 0: now. */
  readonly notBeforeMs: number;
  /** The coordinator is in maintenance (R22). */
  readonly isInMaintenance: boolean;
  /** The rollout that ordered it was paused or halted. */
  readonly rolloutHold: HoldReason | null;
  /** As many of its group as may be are upgrading already, and nobody ordered this one by hand. */
  readonly isTurnTaken: boolean;
}

export const NO_UPGRADE_FACTS: UpgradeFacts = {
  isForced: false,
  isRevert: false,
  isPaceKnown: true,
  hasPlatform: null,
  isLauncherTooOld: false,
  isRefusedHere: false,
  ownerHold: null,
  notBeforeMs: 0,
  isInMaintenance: false,
  rolloutHold: null,
  isTurnTaken: false,
};

/** The first thing that stands in the way, most basic first; null: send it. Pure and total (C1). */
export function holdReasonOf(facts: HoldFacts, nowMs: number): HoldReason | null {
  if (facts.isRestoredAndNotAdopted) return 'coordinator-restored';
  if (facts.isQuarantined) return 'quarantined';
  if (!facts.isValidated) return 'unvalidated';
  if (facts.isCapable === false) return 'manual-upgrade-required';
  const unfit = facts.kind === 'autoUpgrade' ? unfitReasonOf(facts.upgrade) : null;
  if (unfit !== null) return unfit;
  const answer = actionAnswer(actionOf(facts), facts);
  // What would be refused by now was ordered in another state: it waits for that to come back.
  if (answer.kind === 'wait' || answer.kind === 'refuse') return answer.reason;
  if (facts.kind !== 'autoUpgrade') return facts.isUpgradeFirst ? 'upgrading' : null;
  if (facts.isUpgradeInFlight) return 'upgrading';
  const { notBeforeMs, isForced, isInMaintenance, rolloutHold, isTurnTaken } = facts.upgrade;
  if (isInMaintenance) return 'coordinator-upgrading';
  if (rolloutHold !== null) return rolloutHold;
  if (nowMs < notBeforeMs && !isForced) return 'retry-backoff';
  return isTurnTaken ? 'awaiting-turn' : null;
}

/** Why this version cannot come to this host at all for now, whatever its state. */
function unfitReasonOf(upgrade: UpgradeFacts): HoldReason | null {
  if (upgrade.hasPlatform === false) return 'no-platform';
  if (upgrade.isPaceKnown === false) return 'pace-unknown';
  if (upgrade.isLauncherTooOld) return 'launcher-too-old';
  if (upgrade.isRefusedHere && !upgrade.isForced) return 'refused-here';
  return upgrade.ownerHold;
}

function actionOf(facts: HoldFacts): AgentAction {
  if (facts.kind !== 'autoUpgrade') return facts.kind;
  return facts.upgrade.isForced || facts.upgrade.isRevert ? 'forced-upgrade' : 'upgrade';
}
