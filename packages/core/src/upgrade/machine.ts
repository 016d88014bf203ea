/*
 *   idle ─ordered─► preflight ─► fetching ─► staged ─► rehearsed ─granted─► draining ─granted─► switching
 *     ▲               │ failed       │          │          │ denied            │ denied           │ booted
 *     │               ▼              ▼          ▼          ▼                   ▼                  ▼
 *     └─reported── reporting ◄───────┴──────────┴──────────┴───────────────────┘               probation
 *                     ▲  ▲                       undrain: draining ─unanswered─► rehearsed        │
 *                     │  └──── committing ◄───────────────confirmed───────────────────────────────┤
 *                     └─────── rolling-back ◄─────────────rejected, own checks failed─────────────┘
 *
 * Each state has exactly one piece of work (work.ts). Entering a state and waking up in it after a crash are
 * the same thing, so work is idempotent and there is no recovery code. Until switching the old version runs on.
 * The invariants U1… are in docs/spec/upgrade.md.
 */
import type { Evidence, Slot } from '../boot/index.ts';
import { fateOf, TRIAL_LOST } from './fate.ts';
import {
  FETCH_RETRY_MS,
  HAND_OVER_RETRY_MS,
  PATIENT_RETRY_MS,
  PREFLIGHT_RETRY_MS,
} from './limits.ts';
import { attemptIdOf, type Course, isMend, type UpgradeStep } from './order.ts';
import type { Outcome } from './outcome.ts';
import { hurriedRetry, NO_RETRY, nextRetry } from './retry.ts';
import type { UpgradeEvent, UpgradeState } from './state.ts';

export type StateOf<K extends UpgradeState['kind']> = Extract<UpgradeState, { readonly kind: K }>;
export type EventOf<K extends UpgradeEvent['kind']> = Extract<UpgradeEvent, { readonly kind: K }>;

/** `ignore`: legal here and means nothing. `reject`: only a defect can send it here. */
export type Cell<S, E> = ((state: S, event: E) => UpgradeState) | 'ignore' | 'reject';

export type TransitionTable = {
  readonly [S in UpgradeState['kind']]: {
    readonly [E in UpgradeEvent['kind']]: Cell<StateOf<S>, EventOf<E>>;
  };
};

/** Ten times the way of an ordinary attempt; beyond it the earliest are kept, and the latest. */
const STEPS_MAX = 100;
const STEPS_FIRST = 20;

/** Late answers of the coordinator, and repeated ones, are ordinary; they mean nothing outside their state. */
const DEAF = {
  'permission-granted': 'ignore',
  'permission-denied': 'ignore',
  'permission-unanswered': 'ignore',
  attested: 'ignore',
  confirmed: 'ignore',
  rejected: 'ignore',
  reconnected: 'ignore',
} as const;

/** What only another state's own work can say. The shell awaits the end of old work, so it cannot arrive here. */
const FOREIGN = {
  'found-current': 'reject',
  'preflight-passed': 'reject',
  fetched: 'reject',
  'rehearsal-ended': 'reject',
  committed: 'reject',
  reported: 'reject',
} as const;

/** One upgrade at a time: a second order waits in the inbox (U2). */
const BUSY = { ordered: 'ignore' } as const;

export const TRANSITIONS: TransitionTable = {
  idle: {
    ...DEAF,
    ...FOREIGN,
    booted: 'ignore',
    ordered: (_state, event) => begin(event),
    'work-failed': 'ignore',
  },
  preflight: {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: 'ignore',
    'permission-denied': takenBack,
    reconnected: hurried,
    'found-current': (state, event) => report(state.course, { kind: 'already-there' }, event.nowMs),
    'preflight-passed': (state, event) => ({
      kind: 'fetching',
      course: at(state.course, 'fetching', event.nowMs),
      retry: NO_RETRY,
    }),
    'work-failed': (state, event) => retried(state, event, PREFLIGHT_RETRY_MS),
  },
  fetching: {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: 'ignore',
    'permission-denied': takenBack,
    reconnected: hurried,
    fetched: (state, event) => ({
      kind: 'staged',
      course: {
        ...at(state.course, 'staged', event.nowMs),
        bytesFetched: state.course.bytesFetched + event.bytesFetched,
        bytesTotal: event.bytesTotal,
      },
      slot: event.slot,
      retry: NO_RETRY,
    }),
    'work-failed': (state, event) => retried(state, event, FETCH_RETRY_MS),
  },
  staged: {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: 'ignore',
    'permission-denied': takenBack,
    reconnected: hurried,
    'rehearsal-ended': afterRehearsing,
    'work-failed': (state, event) =>
      retried({ ...state, course: rehearsedTo(state.course, event) }, event, FETCH_RETRY_MS),
  },
  rehearsed: {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: 'ignore',
    // A late grant for the switch belongs to a draining that was given up: it grants nothing (U5).
    'permission-granted': (state, event) =>
      event.point === 'drain'
        ? {
            kind: 'draining',
            course: at(state.course, 'draining', event.nowMs),
            slot: state.slot,
            // Counted on: who lets drain and not switch, again and again, is asked ever more slowly.
            retry: { failures: state.retry.failures, notBeforeMs: 0 },
          }
        : state,
    'permission-denied': (state, event) =>
      event.isFinal
        ? report(state.course, { kind: 'denied', reason: event.reason }, event.nowMs)
        : { ...state, retry: nextRetry(state.retry, event, PATIENT_RETRY_MS) },
    'permission-unanswered': patiently,
    'work-failed': patiently,
  },
  draining: {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: 'ignore',
    'permission-granted': (state, event) =>
      event.point === 'switch'
        ? {
            kind: 'switching',
            course: at(state.course, 'switching', event.nowMs),
            slot: state.slot,
            retry: NO_RETRY,
          }
        : state,
    'permission-denied': (state, event) =>
      event.isFinal
        ? report(state.course, { kind: 'denied', reason: event.reason }, event.nowMs)
        : undrain(state, event),
    // U6: without the last permission the host goes back to work.
    'permission-unanswered': undrain,
    'work-failed': undrain,
  },
  switching: {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: (state, event) =>
      isMend(state)
        ? afterMend(state, event)
        : afterBoot(state, event, {
            onTrial: () => probation(state, event.nowMs),
            untried: () => state,
          }),
    'work-failed': (state, event) => retried(state, event, HAND_OVER_RETRY_MS),
  },
  probation: {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: (state, event) =>
      afterBoot(state, event, {
        onTrial: () => ({ ...state, isAttested: false }),
        untried: () => lost(state, event.nowMs),
      }),
    attested: (state) => (state.isAttested ? state : { ...state, isAttested: true }),
    // U1: only a confirmed, attested probation leads to a commit.
    confirmed: (state, event) =>
      state.isAttested
        ? {
            kind: 'committing',
            course: at(state.course, 'committing', event.nowMs),
            slot: state.slot,
            retry: NO_RETRY,
          }
        : state,
    rejected: (state, event) => ({
      kind: 'rolling-back',
      course: at(state.course, 'rolling-back', event.nowMs),
      slot: state.slot,
      reason: event.by === 'owner' ? 'rolled-back-by-owner' : 'rejected-by-coordinator',
      detail: event.reason,
      retry: NO_RETRY,
    }),
    'work-failed': patiently,
  },
  committing: {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: (state, event) =>
      afterBoot(state, event, {
        onTrial: () => state,
        untried: () => lost(state, event.nowMs),
      }),
    committed: (state, event) => report(state.course, { kind: 'succeeded' }, event.nowMs),
    'work-failed': patiently,
  },
  'rolling-back': {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: (state, event) =>
      afterBoot(state, event, {
        onTrial: () => state,
        untried: () => lost(state, event.nowMs),
      }),
    'work-failed': patiently,
  },
  reporting: {
    ...DEAF,
    ...FOREIGN,
    ...BUSY,
    booted: 'ignore',
    reported: () => ({ kind: 'idle' }),
    'work-failed': patiently,
  },
};

export class IllegalTransitionError extends Error {
  override readonly name: string = 'IllegalTransitionError';
}

/** Returns `state` itself when nothing changed, so that callers compare by identity. */
export function step(state: UpgradeState, event: UpgradeEvent): UpgradeState {
  // U4: what is said of another attempt is stale and changes nothing.
  if ('attemptId' in event && event.attemptId !== attemptIdIn(state)) return state;
  // Each cell is typed for its own pair; a lookup by two unions forgets the pairing.
  const cell = TRANSITIONS[state.kind][event.kind] as Cell<UpgradeState, UpgradeEvent>;
  if (cell === 'ignore') return state;
  if (cell === 'reject') {
    throw new IllegalTransitionError(`upgrade machine: ${event.kind} in ${state.kind}`);
  }
  return cell(state, event);
}

export function attemptIdIn(state: UpgradeState): string | null {
  return state.kind === 'idle' ? null : attemptIdOf(state.course.order);
}

/**
 * What a boot says of an attempt that may have been tried. Refused and committed mean the same in every state: the
 * launcher's order of receipt decides, and a commit that came first stands (U7).
 */
function afterBoot(
  state: StateOf<'switching' | 'probation' | 'committing' | 'rolling-back'>,
  event: EventOf<'booted'>,
  undecided: { readonly onTrial: () => UpgradeState; readonly untried: () => UpgradeState },
): UpgradeState {
  const fate = fateOf(state.course.order, state.slot, event.view);
  switch (fate.kind) {
    case 'on-trial':
      return undecided.onTrial();
    case 'untried':
      return undecided.untried();
    case 'refused':
      return rolledBack(state.course, fate.evidence, event.nowMs);
    case 'committed':
      return report(state.course, { kind: 'succeeded' }, event.nowMs);
  }
}

/** U21: the committed version was staged anew; it needs no trial, it has to run. */
function afterMend(state: StateOf<'switching'>, event: EventOf<'booted'>): UpgradeState {
  const { component } = state.course.order;
  if (event.running[component] === state.slot.digest) {
    return report(state.course, { kind: 'succeeded' }, event.nowMs);
  }
  const message = `${state.slot.dir} was staged anew, and the launcher still cannot start it`;
  const failure = { code: 'slot-corrupt', message, isRetryable: true, nowMs: event.nowMs };
  return retried(state, failure, HAND_OVER_RETRY_MS);
}

function begin(event: EventOf<'ordered'>): UpgradeState {
  const course: Course = {
    order: event.order,
    from: event.from,
    steps: [{ step: 'preflight', startedMs: event.nowMs }],
    bytesFetched: 0,
    bytesTotal: 0,
    rehearsal: 'not-done',
  };
  return { kind: 'preflight', course, retry: NO_RETRY };
}

/** U23: what is only made ready is over by then. */
function afterRehearsing(
  state: StateOf<'staged'>,
  { rehearsal, nowMs }: EventOf<'rehearsal-ended'>,
): UpgradeState {
  const course = { ...at(state.course, 'rehearsed', nowMs), rehearsal };
  if (course.order.pace === 'fetch-only') return report(course, { kind: 'staged' }, nowMs);
  return { kind: 'rehearsed', course, slot: state.slot, retry: NO_RETRY };
}

/** History says that it was rehearsed also where that was the end of it. */
function rehearsedTo(course: Course, { code }: Pick<EventOf<'work-failed'>, 'code'>): Course {
  if (code === 'rehearsal-failed') return { ...course, rehearsal: 'failed' };
  return code === 'rehearsal-unreached' ? { ...course, rehearsal: 'not-reached' } : course;
}

/** The way there and back may be gone for ever; what is kept, saved and reported of it is bounded. */
function at(course: Course, step: UpgradeStep, nowMs: number): Course {
  const steps = [...course.steps, { step, startedMs: nowMs }];
  if (steps.length <= STEPS_MAX) return { ...course, steps };
  return { ...course, steps: [...steps.slice(0, STEPS_FIRST), ...steps.slice(STEPS_FIRST + 1)] };
}

function report(course: Course, outcome: Outcome, nowMs: number): UpgradeState {
  return { kind: 'reporting', course: at(course, 'reporting', nowMs), outcome, retry: NO_RETRY };
}

function rolledBack(course: Course, evidence: Evidence, nowMs: number): UpgradeState {
  return report(course, { kind: 'rolled-back', evidence }, nowMs);
}

function probation(
  state: { readonly course: Course; readonly slot: Slot },
  nowMs: number,
): UpgradeState {
  return {
    kind: 'probation',
    course: at(state.course, 'probation', nowMs),
    slot: state.slot,
    isAttested: false,
    retry: NO_RETRY,
  };
}

function undrain(
  state: StateOf<'draining'>,
  event: EventOf<'permission-denied' | 'permission-unanswered' | 'work-failed'>,
): UpgradeState {
  return {
    kind: 'rehearsed',
    course: at(state.course, 'rehearsed', event.nowMs),
    slot: state.slot,
    retry: nextRetry(state.retry, event, PATIENT_RETRY_MS),
  };
}

/** U20: an order that was taken back is not waited out; `not now` means nothing where nobody has asked. */
function takenBack(
  state: StateOf<'preflight' | 'fetching' | 'staged'>,
  event: EventOf<'permission-denied'>,
): UpgradeState {
  if (!event.isFinal) return state;
  return report(state.course, { kind: 'denied', reason: event.reason }, event.nowMs);
}

function hurried<S extends StateOf<'preflight' | 'fetching' | 'staged'>>(
  state: S,
  event: EventOf<'reconnected'>,
): S {
  const retry = hurriedRetry(state.retry, event.nowMs);
  return retry === null ? state : { ...state, retry };
}

/** Work that must not be given up: tried again for ever, ever rarer. */
function patiently<S extends Exclude<UpgradeState, { readonly kind: 'idle' }>>(
  state: S,
  event: { readonly nowMs: number },
): S {
  return { ...state, retry: nextRetry(state.retry, event, PATIENT_RETRY_MS) };
}

/** Tries again while the schedule lasts and it can help; then the attempt has failed, the old version untouched. */
function retried<S extends StateOf<'preflight' | 'fetching' | 'staged' | 'switching'>>(
  state: S,
  event: Pick<EventOf<'work-failed'>, 'code' | 'message' | 'isRetryable' | 'nowMs'>,
  delaysMs: readonly number[],
): UpgradeState {
  if (!event.isRetryable || state.retry.failures >= delaysMs.length) {
    return report(
      state.course,
      { kind: 'failed', code: event.code, message: event.message },
      event.nowMs,
    );
  }
  return { ...state, retry: nextRetry(state.retry, event, delaysMs) };
}

function lost(state: { readonly course: Course }, nowMs: number): UpgradeState {
  return rolledBack(state.course, TRIAL_LOST, nowMs);
}
