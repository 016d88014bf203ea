/*
 * How an agent of a rollout failed, as one word of a closed list: what to do next depends on it, and a report counts by it.
 */
import type { EndedState } from '../command/index.ts';
import type { MemberState } from './machine.ts';

export const FAILURE_KINDS = {
  preflight: 'the test before the upgrade did not pass',
  fetch: 'the files of the release could not be had',
  rehearsal: 'the new version did not pass its rehearsal',
  trial: 'the new version ran, and was not kept',
  vanished: 'the agent did not come back from its switch',
  deadline: 'a step took far longer than it takes elsewhere',
  'after-commit': 'the new version was committed, and failed then',
  'roll-back': 'the agent could not go back',
  other: 'for another reason',
} as const;

export type FailureKind = keyof typeof FAILURE_KINDS;

export function isFailureKind(word: string | null): word is FailureKind {
  return word !== null && Object.hasOwn(FAILURE_KINDS, word);
}

/** How a command ended. */
export interface CommandEnd {
  readonly state: EndedState;
  readonly outcome: string | null;
  readonly code: string | null;
  /** The last step of its attempt that did work; null: none is known. */
  readonly step: string | null;
}

export const DEADLINE_PASSED = 'deadline-passed';

/** The coordinator's own words, and those of hosts that tell more than a step does. */
const KIND_OF_CODE: Readonly<Record<string, FailureKind>> = {
  'host-vanished': 'vanished',
  [DEADLINE_PASSED]: 'deadline',
  'rehearsal-failed': 'rehearsal',
  'rehearsal-unreached': 'rehearsal',
  'not-attested': 'trial',
};

const KIND_OF_STEP: Readonly<Record<string, FailureKind>> = {
  preflight: 'preflight',
  fetching: 'fetch',
  // That is what is done in it.
  staged: 'rehearsal',
  probation: 'trial',
  committing: 'trial',
};

/** What a command's end makes of its agent; `failure` is null where it is none. */
export function memberEndOf(end: CommandEnd): {
  readonly state: MemberState;
  readonly failure: FailureKind | null;
} {
  switch (end.state) {
    case 'succeeded':
      return { state: 'done', failure: null };
    case 'skipped':
      return { state: 'skipped', failure: null };
    case 'revoked':
      // What was taken back for the time that it took is a failure; what a person took back is none.
      return end.code === DEADLINE_PASSED
        ? { state: 'failed', failure: 'deadline' }
        : { state: 'stopped', failure: null };
    // Nobody knows how it ended, and that is no success.
    case 'expired':
      return { state: 'failed', failure: end.code === null ? 'deadline' : kindOf(end) };
    case 'failed':
      if (end.outcome === 'rolled-back') return { state: 'rolled-back', failure: 'trial' };
      return { state: 'failed', failure: kindOf(end) };
  }
}

function kindOf({ code, step }: CommandEnd): FailureKind {
  const own = code !== null && Object.hasOwn(KIND_OF_CODE, code) ? KIND_OF_CODE[code] : undefined;
  const last = step !== null && Object.hasOwn(KIND_OF_STEP, step) ? KIND_OF_STEP[step] : undefined;
  return own ?? last ?? 'other';
}

/** Steps that report or undo what others did: how it failed is said by the one before. */
const AFTERWARDS: readonly string[] = ['reporting', 'rolling-back'];

export function lastStepOf(steps: readonly { readonly step: string }[]): string | null {
  return steps.findLast(({ step }) => !AFTERWARDS.includes(step))?.step ?? null;
}
