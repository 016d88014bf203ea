import type { OwnerHold } from './owner-word.ts';
import type { AgentCondition, UpgradeState } from './upgrade/index.ts';

/** States that an operator can see. Exactly one at a time; marks stand beside it. */
export type AgentState = 'Down' | 'Up' | 'Paused' | 'Upgrading' | 'Upgrade Failed';

export type AgentMark =
  | 'unvalidated'
  | 'probation'
  | 'busy'
  | 'standby'
  | 'quarantined'
  | OwnerHold
  | 'over HTTPS'
  | 'manual upgrade required'
  | 'no Upgrading state'
  /** Nobody starts it again after an upgrade. */
  | 'no launcher'
  /** Files of what is installed are not as they were. */
  | 'changed by hand';

/**
 * What an agent says of itself (H5). *Upgrading* is draining and switching, and probation until it is attested
 * (architecture, "The upgrade machine"); before and after it works as ever. A5: Upgrading hides Upgrade Failed, which hides Paused.
 */
export function reportedStateOf(
  upgrade: UpgradeState,
  condition: AgentCondition,
): Exclude<AgentState, 'Down'> {
  if (isUpgrading(upgrade)) return 'Upgrading';
  if (condition.failedUpgrade !== null) return 'Upgrade Failed';
  return condition.isPaused ? 'Paused' : 'Up';
}

/**
 * The state that tasks go by: the reported one, but for a probation in which the launcher has found the world broken (B13).
 * That may last for days, and a host does its owner's work without a coordinator (K14).
 */
export function taskStateOf(
  upgrade: UpgradeState,
  condition: AgentCondition,
  isWorldBroken: boolean,
): Exclude<AgentState, 'Down'> {
  const isWaived = upgrade.kind === 'probation' && isWorldBroken;
  return reportedStateOf(isWaived ? { ...upgrade, isAttested: true } : upgrade, condition);
}

function isUpgrading(upgrade: UpgradeState): boolean {
  switch (upgrade.kind) {
    case 'draining':
    case 'switching':
    case 'rolling-back':
      return true;
    case 'probation':
      return !upgrade.isAttested;
    case 'idle':
    case 'preflight':
    case 'fetching':
    case 'staged':
    case 'rehearsed':
    case 'committing':
    case 'reporting':
      return false;
  }
}

export function isInProbation(upgrade: UpgradeState): boolean {
  return upgrade.kind === 'probation' || upgrade.kind === 'committing';
}
