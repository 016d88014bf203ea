export {
  type AfterCommit,
  afterCommitOf,
  type DoneFacts,
  FAILED_AFTER,
  GONE,
  LOSSES_WITHIN_MS,
  NO_WAY_BACK,
  stateAfterFailure,
  wayBackOf,
} from './after-commit.ts';
export { type BeforeStart, startHoldOf } from './before-start.ts';
export {
  DEADLINE_MS_MIN,
  deadlineMsOf,
  MEASURED_MAX,
  type Overdue,
  overdueOf,
  type StepFacts,
  stepMsOf,
} from './deadlines.ts';
export {
  differenceOf,
  differenceText,
  isSamePlan,
  type PlanDifference,
} from './difference.ts';
export {
  type CommandEnd,
  DEADLINE_PASSED,
  FAILURE_KINDS,
  type FailureKind,
  isFailureKind,
  lastStepOf,
  memberEndOf,
} from './failures.ts';
export { lateStandingOf, lateWaveOf } from './late.ts';
export {
  ACTIVE_STATES,
  isActive,
  isFailure,
  isOnWayBack,
  isOver,
  MEMBER_STATES,
  type MemberState,
  ON_THE_WAY,
  ROLLOUT_EVENTS,
  ROLLOUT_STATES,
  ROLLOUT_TRANSITIONS,
  type RolloutCell,
  type RolloutEvent,
  type RolloutState,
  rolloutAfter,
  UNSETTLED,
  WAY_BACK,
} from './machine.ts';
export { ARRIVING_MS, isParkedFor } from './parking.ts';
export {
  type Candidate,
  PLAN_WARNINGS,
  type Plan,
  type PlannedMember,
  type PlanWarning,
  type PlanWarningCode,
  planOf,
  waveBounds,
  wavesOver,
} from './plan.ts';
export { byPriority } from './priority.ts';
export { stateRemedyOf } from './remedy.ts';
export {
  type GroupNow,
  type GroupService,
  type SimulatedRollout,
  type SimulatedUpgrade,
  type Simulation,
  simulate,
} from './simulate.ts';
export {
  DEFAULT_SPEC,
  type FailuresAllowed,
  FETCHES_MAX,
  PRIORITY_MAX,
  type RolloutSpec,
  readSpec,
  SOAK_MS_MAX,
  selectorTroubles,
  specTroubles,
  WAVES_MAX,
  type WaveSize,
} from './spec.ts';
export { dealt, dealtByGroup } from './split.ts';
export {
  failuresAllowedText,
  percentText,
  readFailuresAllowed,
  readShare,
  readSoakMs,
  readWave,
  readWaves,
  soakText,
  wavesText,
  waveText,
} from './text.ts';
export { ASSUMED_UPGRADE_MS, type UpgradeTime, upgradeTimeOf } from './upgrade-time.ts';
export {
  failuresIn,
  failuresOf,
  hasBegun,
  isCountedFailure,
  isOverBudget,
  type MemberCounts,
  NO_MEMBERS,
  type RolloutCounters,
  type RolloutStatus,
  slotsFree,
  sumOf,
  type Verdict,
  verdictOf,
  type WaveStatus,
} from './verdict.ts';
export {
  failureText,
  type MembersAlike,
  memberReasonOf,
  NAMED_MAX,
  type RolloutFacts,
  type RolloutReason,
  UNFINISHED,
  whyOf,
} from './why.ts';
