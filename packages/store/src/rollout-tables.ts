/* The tables of rollouts, since schema 8. */
import type { Component } from '@moult/core/component';
import type { MemberState, RolloutState } from '@moult/core/rollout';
import type { Version } from '@moult/core/versions';
import type { Bit } from './database.ts';

export interface RolloutTable {
  readonly id: string;
  /** Unlike any other's. */
  readonly name: string;
  readonly component: Component;
  readonly version: Version;
  /** As it was written; null: agents by name. */
  readonly selector: string | null;
  /** RolloutSpec. */
  readonly spec: string;
  readonly state: RolloutState;
  readonly state_why: string;
  /** Hold reason for which nobody starts; null: it goes on, or has nothing to go on with. */
  readonly waits_reason: string | null;
  readonly waits_until_ms: number | null;
  readonly failures_forgiven: number;
  readonly done_at_resume: number;
  readonly already_there: number;
  /** [{ agent, reason }]. */
  readonly cannot: string;
  /** [PlanWarning]. */
  readonly warnings: string;
  readonly created_ms: number;
  readonly created_by: string;
  readonly why: string;
  readonly started_ms: number | null;
  readonly started_by: string | null;
  readonly ended_ms: number | null;
  /** Superseded: cancelled by a newer choice, and by no person. */
  readonly outcome: 'ended-ok' | 'ended-not-ok' | 'superseded' | null;
  readonly revision: number;
  /** What made it: a person, a changed choice (R15) or a revert (R9). */
  readonly origin: 'person' | 'choice' | 'revert';
  /** Of that choice; null: none. */
  readonly choice_position: number | null;
  /** Names, as JSON, where it was made for agents by name; null: by selector. */
  readonly agents: string | null;
  /** When it was planned last; null: never. */
  readonly planned_ms: number | null;
  /** When it starts by itself; null: a person starts it. */
  readonly starts_ms: number | null;
  /** The second principal who approved its start. */
  readonly approved_by: string | null;
  readonly approved_ms: number | null;
  /** The rollout that it was split from (R7). */
  readonly split_of: string | null;
  /** It starts once that sibling has ended. */
  readonly starts_after: string | null;
  /** The rollout that it takes back (R9). */
  readonly reverts: string | null;
  /** Since schema 14. The same key gives the same rollout; null: none was given. */
  readonly idempotency_key: string | null;
  /** Since schema 14. Who changed it last before its start; null: nobody did. */
  readonly edited_by: string | null;
}

/** Counters of its members, changed in the transaction that changes one of these. */
export interface RolloutWaveTable {
  readonly rollout_id: string;
  readonly wave: number;
  readonly waiting: number;
  readonly upgrading: number;
  readonly done: number;
  readonly failed: number;
  readonly rolled_back: number;
  readonly to_roll_back: number;
  readonly rolling_back: number;
  readonly skipped: number;
  readonly parked: number;
  readonly stopped: number;
  readonly last_end_ms: number | null;
  readonly is_approved: Bit;
}

export interface RolloutMemberTable {
  readonly rollout_id: string;
  readonly instance_id: string;
  readonly agent_name: string;
  readonly group_name: string;
  readonly wave: number;
  readonly place: number;
  readonly state: MemberState;
  /** Why it is parked. */
  readonly hold_reason: string | null;
  readonly command_id: string | null;
  /** Commands that it was given: a retry gives another. */
  readonly tries: number;
  readonly from_version: Version | null;
  readonly started_ms: number | null;
  readonly ended_ms: number | null;
  readonly code: string | null;
  readonly message: string | null;
  /** FailureKind: how it failed; null: it has not. */
  readonly failure: string | null;
  /** A person has resumed since it failed: it halts nothing any more. */
  readonly is_forgiven: Bit;
  /** It was away when its turn came. */
  readonly was_parked: Bit;
}
