/** Twice is chance or a slip; a third time somebody or something on the host does not want this version. */
export const REPAIRS_MAX = 2;

/** What decides whether an instance is brought back to what its last finished order gave it (R12). */
export interface RepairFacts {
  /** Digest that the last finished order gave; null: none has. */
  readonly givenDigest: string | null;
  /** Digest that its newest session proved; null: none was proved yet. */
  readonly shownDigest: string | null;
  /** That order still says what is desired: no other choice or command has come since. */
  readonly isStillDesired: boolean;
  /** A command for this component is on its way, or a version is on trial. */
  readonly isUpgradeOpen: boolean;
  /** This host has refused the given digest, or rolled it back. */
  readonly isRefusedHere: boolean;
  /** Repairs that were ordered since the order that gave it. */
  readonly repairs: number;
}

export type RepairVerdict = 'nothing-to-repair' | 'repair' | 'refused-here' | 'repair-exhausted';

export function repairVerdict(facts: RepairFacts): RepairVerdict {
  const { givenDigest, shownDigest } = facts;
  if (givenDigest === null || shownDigest === null || shownDigest === '') {
    return 'nothing-to-repair';
  }
  if (givenDigest === shownDigest || !facts.isStillDesired || facts.isUpgradeOpen) {
    return 'nothing-to-repair';
  }
  if (facts.isRefusedHere) return 'refused-here';
  return facts.repairs >= REPAIRS_MAX ? 'repair-exhausted' : 'repair';
}
