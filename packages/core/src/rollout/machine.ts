/*
 *   draft ─plan─► planning ─planned─► pending ─start─► running ─all over─► ended
 *     ▲ ▲            │ nobody goes       │              ▲ │ │
 *     │ └────────────┘                   │              │ │ │
 *     └────────────── edit ──────────────┘       resume │ │ └─failures─► halted ─resume─► running
 *                                                       │ ▼ pause          ▲
 *                                                      paused ──failures───┘
 *   whatever has not ended ─cancel─► cancelled
 *
 * Paused and halted rollouts start nobody; whoever is past the permission finishes (R5). Invariants RO1… are in
 * docs/spec/rollout.md.
 */
export const ROLLOUT_STATES = [
  'draft',
  'planning',
  'pending',
  'running',
  'paused',
  'halted',
  'ended',
  'cancelled',
] as const;

export type RolloutState = (typeof ROLLOUT_STATES)[number];

export const ROLLOUT_EVENTS = [
  'plan-ordered',
  'planned',
  /** Nobody would be upgraded: whoever made it is to look. */
  'not-plannable',
  'edited',
  'started',
  'paused',
  'resumed',
  /** By the system: what failed is more than the rollout allows. */
  'failures-exceeded',
  'cancelled',
  'all-over',
] as const;

export type RolloutEvent = (typeof ROLLOUT_EVENTS)[number];

/** The state after; `no`: it cannot be done in that state, and whoever asked is told so. */
export type RolloutCell = RolloutState | 'no';

const NEVER: Readonly<Record<RolloutEvent, RolloutCell>> = {
  'plan-ordered': 'no',
  planned: 'no',
  'not-plannable': 'no',
  edited: 'no',
  started: 'no',
  paused: 'no',
  resumed: 'no',
  'failures-exceeded': 'no',
  cancelled: 'no',
  'all-over': 'no',
};

export const ROLLOUT_TRANSITIONS: Readonly<
  Record<RolloutState, Readonly<Record<RolloutEvent, RolloutCell>>>
> = {
  draft: { ...NEVER, 'plan-ordered': 'planning', edited: 'draft', cancelled: 'cancelled' },
  // No event of a person but cancel: it is the coordinator’s turn, and whoever looks finishes it.
  planning: {
    ...NEVER,
    planned: 'pending',
    'not-plannable': 'draft',
    cancelled: 'cancelled',
  },
  pending: {
    ...NEVER,
    'plan-ordered': 'planning',
    edited: 'draft',
    started: 'running',
    cancelled: 'cancelled',
  },
  running: {
    ...NEVER,
    paused: 'paused',
    'failures-exceeded': 'halted',
    cancelled: 'cancelled',
    'all-over': 'ended',
  },
  // What goes on past a pause can fail. Neither ends by itself: a person has stopped it, or has to look.
  paused: {
    ...NEVER,
    resumed: 'running',
    'failures-exceeded': 'halted',
    cancelled: 'cancelled',
  },
  halted: { ...NEVER, resumed: 'running', cancelled: 'cancelled' },
  ended: NEVER,
  cancelled: NEVER,
};

/** Null: it cannot be done in that state. */
export function rolloutAfter(state: RolloutState, event: RolloutEvent): RolloutState | null {
  const cell = ROLLOUT_TRANSITIONS[state][event];
  return cell === 'no' ? null : cell;
}

/** Its agents are its own: no other rollout may start with one of them. */
export const ACTIVE_STATES: readonly RolloutState[] = ['running', 'paused', 'halted'];

export function isActive(state: RolloutState): boolean {
  return ACTIVE_STATES.includes(state);
}

export function isOver(state: RolloutState): boolean {
  return state === 'ended' || state === 'cancelled';
}

/**
 * Of one agent in a rollout. Those of `ON_THE_WAY` are on the way; every agent ends in exactly one of the others (RO3).
 * A parked one is taken up again when its agent comes.
 */
export const MEMBER_STATES = [
  'waiting',
  'upgrading',
  /** What it was given is not to stay (R8): it waits for its turn to go back. */
  'to-roll-back',
  /** Under way to the version that it goes back to. */
  'rolling-back',
  'done',
  'failed',
  'rolled-back',
  'skipped',
  'parked',
  'stopped',
] as const;

export type MemberState = (typeof MEMBER_STATES)[number];

/** They are in the line, or at work. */
export const ON_THE_WAY: readonly MemberState[] = [
  'waiting',
  'upgrading',
  'to-roll-back',
  'rolling-back',
];

/** The rollout has still something to do with them: with those that are away, too. */
export const UNSETTLED: readonly MemberState[] = [...ON_THE_WAY, 'parked'];

/** What it was given is not to stay: it waits for its turn to go back, or is under way. */
export const WAY_BACK: readonly ['to-roll-back', 'rolling-back'] = ['to-roll-back', 'rolling-back'];

export function isOnWayBack(state: MemberState): boolean {
  return state === 'to-roll-back' || state === 'rolling-back';
}

/** They count against what a rollout allows: a version that does not stay is bad, also where the host has saved itself. */
export function isFailure(state: MemberState): boolean {
  return state === 'failed' || state === 'rolled-back';
}
