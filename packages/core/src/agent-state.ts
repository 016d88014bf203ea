import type { UpgradeState } from './upgrade/index.ts';

/** States that an operator can see. Exactly one at a time; marks stand beside it. */
export type AgentState = 'Down' | 'Up' | 'Paused' | 'Upgrading' | 'Upgrade Failed';

export type AgentMark =
  | 'unvalidated'
  | 'probation'
  | 'busy'
  | 'standby'
  | 'quarantined'
  | 'manual upgrade required';

/**
 * What an agent says of itself. *Upgrading* is draining and switching, and probation until it is attested
 * (architecture, "The upgrade machine"); before and after it works as ever.
 */
export function reportedStateOf(upgrade: UpgradeState): Extract<AgentState, 'Up' | 'Upgrading'> {
  switch (upgrade.kind) {
    case 'draining':
    case 'switching':
    case 'rolling-back':
      return 'Upgrading';
    case 'probation':
      return upgrade.isAttested ? 'Up' : 'Upgrading';
    case 'idle':
    case 'preflight':
    case 'fetching':
    case 'staged':
    case 'rehearsed':
    case 'committing':
    case 'reporting':
      return 'Up';
  }
}

export function isInProbation(upgrade: UpgradeState): boolean {
  return upgrade.kind === 'probation' || upgrade.kind === 'committing';
}
