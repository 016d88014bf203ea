/* Rollouts, as they travel over /v1. */
import {
  FAILURE_KINDS,
  MEMBER_STATES,
  PLAN_WARNINGS,
  PRIORITY_MAX,
  ROLLOUT_STATES,
  SOAK_MS_MAX,
  WAVES_MAX,
} from '@moult/core/rollout';
import { PACES } from '@moult/core/upgrade';
import { z } from 'zod';
import { component, id, name, select, timeMs, version } from './schemas.ts';

export const rolloutState = z.enum(ROLLOUT_STATES);
export const memberState = z.enum(MEMBER_STATES);

/** How an agent failed; core/rollout says what each means. */
export const failureKind = z.enum(Object.keys(FAILURE_KINDS) as (keyof typeof FAILURE_KINDS)[]);

/** How large a wave is; the last one is the rest. */
const waveSize = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('count'), count: z.number().int().min(1) }),
  z.object({ kind: z.literal('percent'), percent: z.number().gt(0).max(100) }),
  z.object({ kind: z.literal('rest') }),
]);

/** What whoever makes a rollout decides; core/rollout says what each means, and what it is unless given. */
export const rolloutSpec = z
  .object({
    waves: z.array(waveSize).min(1).max(WAVES_MAX),
    soakMs: z.number().int().min(0).max(SOAK_MS_MAX),
    successShareMin: z.number().min(0).max(1),
    needsApproval: z.boolean(),
    onError: z.enum(['stop', 'continue']),
    failuresAllowed: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('count'), max: z.number().int().min(0) }),
      z.object({
        kind: z.literal('share'),
        max: z.number().min(0).max(1),
        minimumSample: z.number().int().min(1),
      }),
    ]),
    /** Test mode: pauses by itself after so many upgrades; null: off. */
    pauseAfter: z.number().int().min(1).nullable(),
    isForced: z.boolean(),
    /** What goes back after an error: those that failed, all it has upgraded, or none. */
    rollBack: z.enum(['failed', 'all', 'none']),
    /** Null: each to what it ran before. */
    rollBackTo: version.nullable(),
    goesOnAfterRollBack: z.boolean(),
    takesLateJoiners: z.boolean(),
    /** The higher one has a group’s places first. */
    priority: z.number().int().min(-PRIORITY_MAX).max(PRIORITY_MAX),
    /** `soft`: at the agent’s next idle time; `fetch-only`: made ready, and not switched. */
    pace: z.enum(PACES),
    isLauncherNeeded: z.boolean(),
    needsSecondPrincipal: z.boolean(),
  })
  .strict();

const count = z.number().int().nonnegative();
export const memberCounts = z.object({
  waiting: count,
  upgrading: count,
  'to-roll-back': count,
  'rolling-back': count,
  done: count,
  failed: count,
  'rolled-back': count,
  skipped: count,
  parked: count,
  stopped: count,
});

/** One agent of a rollout: where it stands, or how it ended. */
export const rolloutMember = z.object({
  agent: name,
  group: name,
  /** Empty: its host has not said. */
  platform: z.string(),
  wave: z.number().int(),
  place: z.number().int(),
  state: memberState,
  /** Why it does not go on; null: it does, or is over. */
  holdReason: z.string().nullable(),
  from: version.nullable(),
  /** Commands that it was given: a retry gives another. */
  tries: count,
  commandId: id.nullable(),
  /** Where its host is with that command, as it last said; null: it has not begun, or is over. */
  step: z.string().nullable(),
  startedMs: z.number().int().nullable(),
  endedMs: z.number().int().nullable(),
  code: z.string().nullable(),
  message: z.string().nullable(),
  /** How it failed; null: it has not. */
  failure: failureKind.nullable(),
});
export type RolloutMember = z.infer<typeof rolloutMember>;

export const planWarning = z.object({
  code: z.enum(PLAN_WARNINGS),
  /** Whom it concerns; empty: all. */
  agents: z.array(name),
});

const cannot = z.array(z.object({ agent: name, reason: z.string() }));

export const rolloutPlan = z.object({
  members: z.array(
    z.object({
      agent: name,
      group: name,
      platform: z.string(),
      from: version.nullable(),
      wave: z.number().int(),
      isConnected: z.boolean(),
    }),
  ),
  alreadyThere: z.array(name),
  cannot,
  warnings: z.array(planWarning),
  /** Agents that go, by platform and the version that they leave, the newest first. */
  totals: z.array(
    z.object({ platform: z.string(), from: version.nullable(), agents: z.number().int() }),
  ),
});
export type RolloutPlan = z.infer<typeof rolloutPlan>;

/** Times are ms since the start. */
export const rolloutSimulation = z.object({
  component,
  version,
  /** What one upgrade is supposed to take: the median of so many that ended well, or (0) an assumption. */
  upgrade: z.object({ ms: z.number().int(), measured: count }),
  /** When the last of those that are connected would be over. */
  endMs: z.number().int(),
  /** How often a person would be waited for; supposed is that it takes no time. */
  approvals: count,
  resumes: count,
  /** Not simulated: nobody knows when they come. */
  away: z.array(name),
  alreadyThere: count,
  cannot: count,
  /** In the order of their starts. */
  upgrades: z.array(
    z.object({
      agent: name,
      group: name,
      wave: z.number().int(),
      startMs: z.number().int(),
      endMs: z.number().int(),
    }),
  ),
  /** Of each group: how many serve now, and from each time on. */
  service: z.array(
    z.object({
      group: name,
      inService: count,
      unavailableMax: z.number().int(),
      /** Never fewer than that. */
      least: z.number().int(),
      steps: z.array(z.object({ atMs: z.number().int(), inService: z.number().int() })),
    }),
  ),
});
export type RolloutSimulation = z.infer<typeof rolloutSimulation>;

/** How a plan differs from the one before. */
export const planDifference = z.object({
  /** They were to go, and run the version already. */
  alreadyThere: z.array(name),
  cannot,
  /** They were to go, and are not meant any more. */
  gone: z.array(name),
  added: z.array(name),
});

export const rollout = z.object({
  id,
  name,
  component,
  version,
  /** Whom it was made for, as it was written; null: agents by name. */
  select: select.nullable(),
  state: rolloutState,
  /** What brought it into that state; empty: nothing to say. */
  stateWhy: z.string(),
  /** Null: it cannot be read any more. */
  spec: rolloutSpec.nullable(),
  createdMs: timeMs,
  createdBy: z.string(),
  why: z.string(),
  /** What made it. */
  origin: z.enum(['person', 'choice', 'revert']),
  /** When it was planned last; null: it was not yet. */
  plannedMs: timeMs.nullable(),
  /** When it starts, or was to start, by itself; null: a person starts it. */
  startsMs: timeMs.nullable(),
  /** Who edited it last; null: nobody did. */
  editedBy: z.string().nullable(),
  /** The second principal who approved its start. */
  approvedBy: z.string().nullable(),
  approvedMs: timeMs.nullable(),
  /** Names: what it was split from, the sibling that it follows, and what it takes back. */
  splitOf: z.string().nullable(),
  startsAfter: z.string().nullable(),
  reverts: z.string().nullable(),
  startedMs: timeMs.nullable(),
  endedMs: timeMs.nullable(),
  outcome: z.enum(['ended-ok', 'ended-not-ok', 'superseded']).nullable(),
  /** Why nobody starts for now; null: it goes on, or has nothing to go on with. */
  waitsFor: z.object({ reason: z.string(), untilMs: timeMs.nullable() }).nullable(),
  /** Of all waves. */
  counts: memberCounts,
  /** Of those that have failed: how many in which way, most first. */
  failures: z.array(z.object({ kind: failureKind, count })),
  /** The wave that is at work or comes next, 0: the first; null: none. */
  wave: z.number().int().nullable(),
  waves: z.array(
    z.object({ counts: memberCounts, lastEndMs: timeMs.nullable(), isApproved: z.boolean() }),
  ),
  alreadyThere: count,
  cannot,
  warnings: z.array(planWarning),
});
export type Rollout = z.infer<typeof rollout>;

/** A rollout that a choice has made, in short. */
export const choiceRollout = z.object({
  id,
  name,
  state: rolloutState,
  agents: z.number().int(),
  waves: z.number().int(),
});
export type ChoiceRollout = z.infer<typeof choiceRollout>;
