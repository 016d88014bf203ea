import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  ACTION_CELLS,
  AGENT_ACTIONS,
  type AgentAction,
  actionAnswer,
} from '../src/agent-actions.ts';
import type { AgentState } from '../src/agent-state.ts';

const SPEC = readFileSync(
  fileURLToPath(new URL('../../../docs/spec/agent.md', import.meta.url)),
  'utf8',
);
const STATES: readonly AgentState[] = ['Down', 'Up', 'Paused', 'Upgrading', 'Upgrade Failed'];

/** The table of the document, written by hand: what code and document say must be one thing. */
const CELLS = SPEC.split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, name]) => (AGENT_ACTIONS as readonly string[]).includes(name ?? ''))
  .flatMap(([, action, ...cells]) =>
    STATES.map((state, index) => ({
      action: action as AgentAction,
      state,
      cell: cells[index] ?? '',
    })),
  );

describe('A1: what may be done with an agent, by its state', () => {
  test('is written down whole', () => {
    expect(CELLS).toHaveLength(AGENT_ACTIONS.length * STATES.length);
  });

  test.each(CELLS)('$action of one that is $state: $cell', ({ action, state, cell }) => {
    expect(ACTION_CELLS[action][state]).toBe(cell);
    expect(actionAnswer(action, { state, isInProbation: false }).kind).toBe(cell);
  });

  test.each(CELLS)('$action of one that is $state says why not', ({ action, state }) => {
    const answer = actionAnswer(action, { state, isInProbation: false });
    const reasons: Readonly<Record<AgentState, string | null>> = {
      Down: 'agent-down',
      Up: null,
      Paused: 'paused',
      Upgrading: 'upgrading',
      'Upgrade Failed': 'upgrade-failed',
    };
    const isHeld = answer.kind === 'wait' || answer.kind === 'refuse';
    expect(isHeld ? answer.reason : null).toBe(isHeld ? reasons[state] : null);
  });
});

describe('A2: in probation', () => {
  const inProbation = (action: AgentAction, state: AgentState = 'Up') =>
    actionAnswer(action, { state, isInProbation: true });

  test('neither a resume, nor a restart, nor another upgrade disturbs the judgement', () => {
    expect(inProbation('resume', 'Paused')).toEqual({ kind: 'refuse', reason: 'in-probation' });
    expect(inProbation('restart')).toEqual({ kind: 'refuse', reason: 'in-probation' });
    expect(inProbation('upgrade')).toEqual({ kind: 'wait', reason: 'in-probation' });
    expect(inProbation('forced-upgrade')).toEqual({ kind: 'wait', reason: 'in-probation' });
  });

  test('all else goes by the state', () => {
    expect(inProbation('pause')).toEqual({ kind: 'now' });
    expect(inProbation('remove')).toEqual({ kind: 'now' });
    expect(inProbation('resume', 'Up')).toEqual({ kind: 'nothing' });
    expect(inProbation('restart', 'Upgrading')).toEqual({ kind: 'refuse', reason: 'upgrading' });
  });
});
