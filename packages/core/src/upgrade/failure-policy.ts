/*
 * What the end of an upgrade leaves behind on its host (H8), by the kind of release. Another major version may have
 * touched what no rollback mends, so a person looks at it first: until a forced upgrade or a revert succeeds, or somebody
 * clears it, the old version runs, delivers output and takes no new work. Everything else goes on as before: a fleet must
 * not stand still for a network that was away (docs/decisions/0010).
 */
import { isMajorChange, isVersion, type Version } from '../versions.ts';
import type { Course } from './order.ts';
import type { Outcome } from './outcome.ts';

/** The durable conditions of an agent: they outlive its process, and upgrade and rollback alike. */
export interface AgentCondition {
  readonly isPaused: boolean;
  /** Null: no upgrade has left this host in need of a person. */
  readonly failedUpgrade: FailedUpgrade | null;
}

export interface FailedUpgrade {
  readonly version: Version;
  /** Reason of the refusal, or code of the failure. */
  readonly code: string;
}

export const FIRST_CONDITION: AgentCondition = { isPaused: false, failedUpgrade: null };

export type KindOfRelease = 'other-major' | 'same-major' | 'launcher';
export type AttemptEnd =
  | 'succeeded'
  /** What an operator insisted on runs already. */
  | 'insisted-already-there'
  | 'already-there'
  | 'staged'
  | 'denied'
  | 'failed-before-switch'
  | 'failed-from-switch'
  | 'rolled-back'
  /** A person has looked at it. */
  | 'rolled-back-by-owner';
export type Consequence = 'as-before' | 'upgrade-failed' | 'cleared';

const NEVER = {
  'already-there': 'as-before',
  staged: 'as-before',
  denied: 'as-before',
  'failed-before-switch': 'as-before',
  'rolled-back-by-owner': 'as-before',
} as const;

export const FAILURE_POLICY: Readonly<
  Record<KindOfRelease, Readonly<Record<AttemptEnd, Consequence>>>
> = {
  'other-major': {
    ...NEVER,
    succeeded: 'cleared',
    'insisted-already-there': 'cleared',
    'failed-from-switch': 'upgrade-failed',
    'rolled-back': 'upgrade-failed',
  },
  'same-major': {
    ...NEVER,
    succeeded: 'cleared',
    'insisted-already-there': 'cleared',
    'failed-from-switch': 'as-before',
    'rolled-back': 'as-before',
  },
  // It says nothing about the agent, for better or worse.
  launcher: {
    ...NEVER,
    succeeded: 'as-before',
    'insisted-already-there': 'as-before',
    'failed-from-switch': 'as-before',
    'rolled-back': 'as-before',
  },
};

/** Returns the condition itself when nothing changed. */
export function conditionAfter(
  condition: AgentCondition,
  ended: { readonly course: Course; readonly outcome: Outcome },
): AgentCondition {
  switch (FAILURE_POLICY[kindOf(ended.course)][endOf(ended)]) {
    case 'as-before':
      return condition;
    case 'cleared':
      return condition.failedUpgrade === null ? condition : { ...condition, failedUpgrade: null };
    case 'upgrade-failed': {
      const { version } = ended.course.order;
      return { ...condition, failedUpgrade: { version, code: codeOf(ended.outcome) } };
    }
  }
}

function kindOf({ order, from }: Course): KindOfRelease {
  if (order.component === 'launcher') return 'launcher';
  const to = order.version;
  const isComparable = from !== null && isVersion(from.version) && isVersion(to);
  return isComparable && isMajorChange({ from: from.version, to }) ? 'other-major' : 'same-major';
}

function endOf(ended: { readonly course: Course; readonly outcome: Outcome }): AttemptEnd {
  const { outcome, course } = ended;
  const { isForced, isRevert } = course.order;
  if (outcome.kind === 'already-there') {
    return isForced || isRevert ? 'insisted-already-there' : 'already-there';
  }
  if (outcome.kind === 'rolled-back') {
    return outcome.evidence.reason === 'rolled-back-by-owner'
      ? outcome.evidence.reason
      : outcome.kind;
  }
  if (outcome.kind !== 'failed') return outcome.kind;
  const hasSwitched = course.steps.some(({ step }) => step === 'switching');
  return hasSwitched ? 'failed-from-switch' : 'failed-before-switch';
}

function codeOf(outcome: Outcome): string {
  if (outcome.kind === 'failed') return outcome.code;
  return outcome.kind === 'rolled-back' ? outcome.evidence.reason : outcome.kind;
}
