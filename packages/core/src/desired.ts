import type { Version } from './versions.ts';

/** Where a version choice stands. The nearer one wins (R15). */
export type DesiredScope = 'fleet' | 'group' | 'agent';

export interface Choice {
  readonly version: Version;
  /** Position in history of the change that made this choice: says what came later. */
  readonly position: number;
}

/** What can want a version for one instance and component. Null: says nothing. */
export interface DesiredFacts {
  /** An autoUpgrade ordered by hand that has not ended. */
  readonly manualCommand: Version | null;
  readonly runningRollout: Version | null;
  /** What the last finished order gave it. */
  readonly lastFinished: Choice | null;
  readonly agent: Choice | null;
  readonly group: Choice | null;
  readonly fleet: Choice | null;
}

export interface Desired {
  readonly version: Version;
  readonly from: 'manual-command' | 'rollout' | 'last-finished' | DesiredScope;
}

/**
 * The desired version, for display and planning only: nothing but an autoUpgrade command starts an upgrade (H4).
 * A finished order stands until a choice that concerns the instance is made after it.
 */
export function desiredVersionOf(facts: DesiredFacts): Desired | null {
  if (facts.manualCommand !== null) return { version: facts.manualCommand, from: 'manual-command' };
  if (facts.runningRollout !== null) return { version: facts.runningRollout, from: 'rollout' };
  const choice = choiceOf(facts);
  const last = facts.lastFinished;
  if (last !== null && (choice === null || choice.position < last.position)) {
    return { version: last.version, from: 'last-finished' };
  }
  return choice === null ? null : { version: choice.version, from: choice.from };
}

function choiceOf(facts: DesiredFacts): (Choice & { readonly from: DesiredScope }) | null {
  if (facts.agent !== null) return { ...facts.agent, from: 'agent' };
  if (facts.group !== null) return { ...facts.group, from: 'group' };
  if (facts.fleet !== null) return { ...facts.fleet, from: 'fleet' };
  return null;
}
