/*
 * What an operator may do with an agent in each of its states (H5): one table. Orders themselves are durable commands,
 * so most of what cannot be done now waits in the queue and says for what; what would mean nothing later is refused.
 * The marks that matter here are probation and nothing else: until a new version is committed, whatever could
 * disturb its judgement has to wait.
 */
import type { AgentState } from './agent-state.ts';
import type { HoldReason } from './command/reasons.ts';

export const AGENT_ACTIONS = [
  'upgrade',
  /** Forced, or a revert: what an operator insists on. */
  'forced-upgrade',
  'pause',
  'resume',
  'restart',
  'clear',
  'remove',
  /** A task is started. */
  'task',
] as const;

export type AgentAction = (typeof AGENT_ACTIONS)[number];

/**
 * `now`: it is done at once. `wait`: it is queued, and runs when the state allows it. `nothing`: it is so already.
 * `refuse`: it would mean nothing in this state, and nothing is queued.
 */
export type ActionCell = 'now' | 'wait' | 'nothing' | 'refuse';

export const ACTION_CELLS: Readonly<Record<AgentAction, Readonly<Record<AgentState, ActionCell>>>> =
  {
    upgrade: {
      Down: 'wait',
      Up: 'now',
      Paused: 'wait',
      Upgrading: 'wait',
      'Upgrade Failed': 'wait',
    },
    'forced-upgrade': {
      Down: 'wait',
      Up: 'now',
      Paused: 'wait',
      Upgrading: 'wait',
      'Upgrade Failed': 'now',
    },
    pause: {
      Down: 'wait',
      Up: 'now',
      Paused: 'nothing',
      // It behaves as paused while it upgrades; the pause that was ordered begins when that is over.
      Upgrading: 'wait',
      'Upgrade Failed': 'refuse',
    },
    resume: {
      Down: 'wait',
      Up: 'nothing',
      Paused: 'now',
      Upgrading: 'refuse',
      'Upgrade Failed': 'refuse',
    },
    restart: {
      Down: 'refuse',
      Up: 'now',
      Paused: 'now',
      Upgrading: 'refuse',
      'Upgrade Failed': 'now',
    },
    clear: {
      Down: 'wait',
      Up: 'nothing',
      Paused: 'nothing',
      Upgrading: 'refuse',
      'Upgrade Failed': 'now',
    },
    remove: {
      Down: 'now',
      Up: 'now',
      Paused: 'now',
      Upgrading: 'refuse',
      'Upgrade Failed': 'now',
    },
    // Those that run already are not disturbed by any of these states.
    task: {
      Down: 'wait',
      Up: 'now',
      Paused: 'wait',
      Upgrading: 'wait',
      'Upgrade Failed': 'wait',
    },
  };

/** Until a new version is committed (H5); what is not named here goes by the state alone. */
const CELLS_IN_PROBATION: Partial<Record<AgentAction, ActionCell>> = {
  upgrade: 'wait',
  'forced-upgrade': 'wait',
  resume: 'refuse',
  restart: 'refuse',
};

const REASONS: Readonly<Record<Exclude<AgentState, 'Up'>, HoldReason>> = {
  Down: 'agent-down',
  Paused: 'paused',
  Upgrading: 'upgrading',
  'Upgrade Failed': 'upgrade-failed',
};

export type ActionAnswer =
  | { readonly kind: 'now' | 'nothing' }
  | { readonly kind: 'wait' | 'refuse'; readonly reason: HoldReason };

export interface ActionFacts {
  readonly state: AgentState;
  readonly isInProbation: boolean;
}

export function actionAnswer(action: AgentAction, facts: ActionFacts): ActionAnswer {
  const { state } = facts;
  const kind = ACTION_CELLS[action][state];
  if (state !== 'Up' && (kind === 'wait' || kind === 'refuse')) {
    return { kind, reason: REASONS[state] };
  }
  const inProbation = facts.isInProbation ? CELLS_IN_PROBATION[action] : undefined;
  if ((inProbation === 'wait' || inProbation === 'refuse') && kind !== 'nothing') {
    return { kind: inProbation, reason: 'in-probation' };
  }
  return { kind: kind === 'nothing' ? 'nothing' : 'now' };
}
