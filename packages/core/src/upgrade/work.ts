import type { Slot } from '../boot/index.ts';
import {
  FETCH_RETRY_MS,
  HAND_OVER_RETRY_MS,
  PATIENT_RETRY_MS,
  PREFLIGHT_RETRY_MS,
} from './limits.ts';
import type { StateOf } from './machine.ts';
import type { Course } from './order.ts';
import type { Outcome } from './outcome.ts';
import type { UpgradeState } from './state.ts';

/** What a state does. Begun not before `notBeforeMs` (wall clock), and see `waitBefore`. */
export type UpgradeWork =
  | { readonly kind: 'await-order'; readonly notBeforeMs: number }
  | { readonly kind: 'run-preflight'; readonly notBeforeMs: number; readonly course: Course }
  | { readonly kind: 'fetch'; readonly notBeforeMs: number; readonly course: Course }
  | {
      readonly kind: 'rehearse';
      readonly notBeforeMs: number;
      readonly course: Course;
      readonly slot: Slot;
    }
  | {
      readonly kind: 'ask-to-drain';
      readonly notBeforeMs: number;
      readonly course: Course;
      readonly slot: Slot;
    }
  | {
      readonly kind: 'drain';
      readonly notBeforeMs: number;
      readonly course: Course;
      readonly slot: Slot;
    }
  | {
      readonly kind: 'hand-over';
      readonly notBeforeMs: number;
      readonly course: Course;
      readonly slot: Slot;
    }
  | {
      readonly kind: 'watch';
      readonly notBeforeMs: number;
      readonly course: Course;
      readonly slot: Slot;
      readonly isAttested: boolean;
    }
  | {
      readonly kind: 'commit';
      readonly notBeforeMs: number;
      readonly course: Course;
      readonly slot: Slot;
    }
  | {
      readonly kind: 'roll-back';
      readonly notBeforeMs: number;
      readonly course: Course;
      readonly slot: Slot;
      readonly reason: StateOf<'rolling-back'>['reason'];
      readonly detail: string;
    }
  | {
      readonly kind: 'report';
      readonly notBeforeMs: number;
      readonly course: Course;
      readonly outcome: Outcome;
    };

type WorkTable = {
  readonly [S in UpgradeState['kind']]: (state: StateOf<S>) => UpgradeWork;
};

/** Total and never null: no state is without work (U3). */
export const WORK: WorkTable = {
  idle: () => ({ kind: 'await-order', notBeforeMs: 0 }),
  preflight: (state) => ({ kind: 'run-preflight', ...common(state) }),
  fetching: (state) => ({ kind: 'fetch', ...common(state) }),
  staged: (state) => ({ kind: 'rehearse', ...common(state), slot: state.slot }),
  rehearsed: (state) => ({ kind: 'ask-to-drain', ...common(state), slot: state.slot }),
  draining: (state) => ({ kind: 'drain', ...common(state), slot: state.slot }),
  switching: (state) => ({ kind: 'hand-over', ...common(state), slot: state.slot }),
  probation: (state) => ({
    kind: 'watch',
    ...common(state),
    slot: state.slot,
    isAttested: state.isAttested,
  }),
  committing: (state) => ({ kind: 'commit', ...common(state), slot: state.slot }),
  'rolling-back': (state) => ({
    kind: 'roll-back',
    ...common(state),
    slot: state.slot,
    reason: state.reason,
    detail: state.detail,
  }),
  reporting: (state) => ({ kind: 'report', ...common(state), outcome: state.outcome }),
};

export function workOf(state: UpgradeState): UpgradeWork {
  return (WORK[state.kind] as (state: UpgradeState) => UpgradeWork)(state);
}

/** The schedule by which each kind of work is tried again. */
const SCHEDULES: Readonly<Record<UpgradeWork['kind'], readonly number[]>> = {
  'await-order': [],
  'run-preflight': PREFLIGHT_RETRY_MS,
  fetch: FETCH_RETRY_MS,
  rehearse: FETCH_RETRY_MS,
  'ask-to-drain': PATIENT_RETRY_MS,
  drain: PATIENT_RETRY_MS,
  'hand-over': HAND_OVER_RETRY_MS,
  watch: PATIENT_RETRY_MS,
  commit: PATIENT_RETRY_MS,
  'roll-back': PATIENT_RETRY_MS,
  report: PATIENT_RETRY_MS,
};

/** Ms until work may begin. A wall clock that was set back holds it up for its schedule's longest wait, never for years. */
export function waitBefore(work: UpgradeWork, nowMs: number): number {
  return Math.max(0, Math.min(work.notBeforeMs - nowMs, ...SCHEDULES[work.kind].slice(-1)));
}

function common(state: Exclude<UpgradeState, { readonly kind: 'idle' }>): {
  readonly notBeforeMs: number;
  readonly course: Course;
} {
  return { notBeforeMs: state.retry.notBeforeMs, course: state.course };
}
