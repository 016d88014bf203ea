import type { Version } from './versions.ts';

/** Where a version choice stands. The nearer one wins (R15). */
export type DesiredScope = 'fleet' | 'group' | 'agent';

export interface Choice {
  /** Null: it was withdrawn, and what is chosen farther away holds, from then on. */
  readonly version: Version | null;
  /** Position in history of the change that made it so: says what came later. */
  readonly position: number;
}

/** What a finished order gave. */
export interface Given {
  readonly version: Version;
  /** Position in history of the order. */
  readonly position: number;
}

/** What can want a version for one instance and component. Null: says nothing. */
export interface DesiredFacts {
  /** An autoUpgrade ordered by hand that has not ended. */
  readonly manualCommand: Version | null;
  readonly runningRollout: Version | null;
  /** What the last finished order gave it. */
  readonly lastFinished: Given | null;
  /** Position in history of the move to its group that made another choice hold for it; 0: none did (RO56). */
  readonly since: number;
  readonly agent: Choice | null;
  readonly group: Choice | null;
  readonly fleet: Choice | null;
}

export type Desired =
  | {
      readonly version: Version;
      readonly from: 'manual-command' | 'rollout' | 'last-finished';
    }
  | {
      readonly version: Version;
      readonly from: DesiredScope;
      /** Position in history of what made it hold here: the choice, or since then the withdrawal of a nearer one, or the move to its group. */
      readonly position: number;
    };

/**
 * The desired version, for display and planning only: nothing but an autoUpgrade command starts an upgrade (H4).
 * A finished order stands until a choice that concerns the instance is made, or withdrawn, after it.
 */
export function desiredVersionOf(facts: DesiredFacts): Desired | null {
  if (facts.manualCommand !== null) return { version: facts.manualCommand, from: 'manual-command' };
  if (facts.runningRollout !== null) return { version: facts.runningRollout, from: 'rollout' };
  const choice = choiceOf(facts);
  const last = facts.lastFinished;
  if (last !== null && (choice === null || choice.position < last.position)) {
    return { version: last.version, from: 'last-finished' };
  }
  return choice;
}

/** The nearest that says something, in force since the latest of it, of what was withdrawn before it (C21), and of the move to its group. */
function choiceOf(facts: DesiredFacts): Extract<Desired, { readonly position: number }> | null {
  let position = facts.since;
  for (const from of ['agent', 'group', 'fleet'] as const) {
    const choice = facts[from];
    if (choice === null) continue;
    position = Math.max(position, choice.position);
    if (choice.version !== null) return { version: choice.version, from, position };
  }
  return null;
}
