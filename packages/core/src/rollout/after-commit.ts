/*
 * What becomes of a version after its commit (R8), while its rollout is active: an agent that was done is looked at still, and
 * what fails then goes back.
 *
 *   done ─fails─► to-roll-back ─its turn─► rolling-back ─► rolled-back
 *     ▲ │                 │ there is no way        │ it fails
 *     │ └─gone─► failed ◄─┴────────────────────────┘
 *     └── comes ────┘
 */
import type { AgentState } from '../agent-state.ts';
import type { Component } from '../component.ts';
import type { Version } from '../versions.ts';
import type { FailureKind } from './failures.ts';
import type { MemberState } from './machine.ts';
import type { RolloutSpec } from './spec.ts';

const MINUTE_MS = 60_000;

/** Longer than a reboot, or a reconnect with the longest backoff. */
const GONE_MS: number = 10 * MINUTE_MS;
/** So many sessions lost in so short a time: a process that crashes again and again has a backoff of a minute at most. */
const LOSSES_MAX = 5;
export const LOSSES_WITHIN_MS: number = 10 * MINUTE_MS;

/** Of an agent that was done. */
export interface DoneFacts {
  readonly component: Component;
  /** What the rollout gave it. */
  readonly given: Version;
  /** What it shows; null: nothing is known. */
  readonly shown: Version | null;
  /** What later orders of the component bring, which its host may have begun with, and which have not ended well. */
  readonly orderedSince: readonly Version[];
  /** As it says itself. */
  readonly state: AgentState;
  /** How long it is away; null: it is there. */
  readonly awayMs: number | null;
  /** When its sessions ended since it was done, by the coordinator that listens; wall clock, ms. */
  readonly lossesMs: readonly number[];
}

export type AfterCommit =
  | { readonly kind: 'good' }
  /** Nobody can order it back: it counts as failed until it comes. */
  | { readonly kind: 'gone'; readonly message: string }
  | { readonly kind: 'bad'; readonly message: string };

export const GONE = 'gone-after-commit';
export const FAILED_AFTER = 'failed-after-commit';
export const NO_WAY_BACK = 'no-way-back';

export function afterCommitOf(facts: DoneFacts, nowMs: number): AfterCommit {
  const { component, given, shown, orderedSince, state, awayMs } = facts;
  const lost = facts.lossesMs.filter((atMs) => nowMs - atMs < LOSSES_WITHIN_MS).length;
  if (lost >= LOSSES_MAX)
    return { kind: 'bad', message: `its session ended ${lost} times within ten minutes` };
  if (awayMs !== null) {
    if (awayMs < GONE_MS) return { kind: 'good' };
    const since = new Date(nowMs - awayMs).toISOString();
    return { kind: 'gone', message: `it was upgraded, and not seen since ${since}` };
  }
  // What is on trial is a matter of the order that brings it.
  if (shown !== null && shown !== given && !orderedSince.includes(shown))
    return { kind: 'bad', message: `it was given ${given}, and shows ${shown}` };
  // It is the agent's own, says nothing of a launcher, and may be of a later attempt.
  if (state === 'Upgrade Failed' && component === 'agent' && orderedSince.length === 0)
    return { kind: 'bad', message: 'it was upgraded, and reports Upgrade Failed' };
  return { kind: 'good' };
}

/** Who failed after its commit, or was brought back by its own launcher: whether it is to go to another version. */
export function stateAfterFailure(
  spec: RolloutSpec,
  failure: { readonly kind: FailureKind; readonly from: Version | null },
): MemberState {
  const { rollBack, rollBackTo } = spec;
  if (failure.kind === 'after-commit') return rollBack === 'none' ? 'failed' : 'to-roll-back';
  // It runs what it ran before.
  const isThere = rollBackTo === null || rollBackTo === failure.from;
  return rollBack === 'none' || isThere ? 'rolled-back' : 'to-roll-back';
}

/** RO37: where an agent goes back to; null: nobody knows. */
export function wayBackOf(
  { rollBackTo }: RolloutSpec,
  { from }: { readonly from: Version | null },
): Version | null {
  return rollBackTo ?? from;
}
