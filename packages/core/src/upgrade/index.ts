export {
  type AgentCondition,
  conditionAfter,
  type FailedUpgrade,
  FIRST_CONDITION,
} from './failure-policy.ts';
export { type Fate, fateOf } from './fate.ts';
export { PERMISSION_ANSWER_MS } from './limits.ts';
export {
  attemptIdIn,
  type EventOf,
  IllegalTransitionError,
  type StateOf,
  step,
  TRANSITIONS,
} from './machine.ts';
export { type MadeReady, readReady, readyAfter, readyKept } from './made-ready.ts';
export { namedFailure } from './named-failures.ts';
export {
  attemptIdOf,
  type Course,
  isMend,
  isPace,
  PACES,
  type Pace,
  type Rehearsal,
  type StepTime,
  UPGRADE_STEPS,
  type UpgradeOrder,
  type UpgradeStep,
} from './order.ts';
export type { Outcome } from './outcome.ts';
export {
  type BeforeFacts,
  type RehearsalBefore,
  ROLLBACK_WINDOW_MS,
  type RollbackAnswer,
  type RollbackFacts,
  rollbackAnswer,
  saidOf,
  troubleGoingBack,
} from './owners-rollback.ts';
export { type AfterRehearsal, afterRehearsal, wordsOfFailure } from './rehearsal.ts';
export type { BootView, PermissionPoint, Retry, UpgradeEvent, UpgradeState } from './state.ts';
export { troubleIn } from './trouble.ts';
export { type UpgradeWork, WORK, waitBefore, workOf } from './work.ts';
