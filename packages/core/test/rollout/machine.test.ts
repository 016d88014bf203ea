import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  isActive,
  isFailure,
  isOver,
  MEMBER_STATES,
  ROLLOUT_EVENTS,
  ROLLOUT_STATES,
  ROLLOUT_TRANSITIONS,
  type RolloutEvent,
  type RolloutState,
  rolloutAfter,
} from '../../src/rollout/index.ts';

const SPEC = readFileSync(
  fileURLToPath(new URL('../../../../docs/spec/rollout.md', import.meta.url)),
  'utf8',
);
const ROWS = SPEC.split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const EVENTS = ROWS[0]?.slice(1) ?? [];

/** The table of the document, written by hand: what code and document say must be one thing. */
const CELLS = ROWS.filter((cells) => cells.length === EVENTS.length + 1).flatMap(
  ([names = '', ...cells]) =>
    names
      .split(', ')
      .filter((name) => ROLLOUT_STATES.includes(name as RolloutState))
      .flatMap((state) =>
        cells.map((after, index) => ({
          state: state as RolloutState,
          event: EVENTS[index] as RolloutEvent,
          after,
        })),
      ),
);

describe('the table of rollouts', () => {
  test('is written down whole', () => {
    expect([...EVENTS].sort()).toEqual([...ROLLOUT_EVENTS].sort());
    expect(new Set(CELLS.map(({ state }) => state))).toEqual(new Set(ROLLOUT_STATES));
    expect(CELLS).toHaveLength(ROLLOUT_STATES.length * ROLLOUT_EVENTS.length);
  });

  test.each(CELLS)('$state, $event: $after', ({ state, event, after }) => {
    expect(ROLLOUT_TRANSITIONS[state][event]).toBe(after === '·' ? 'no' : after);
    expect(rolloutAfter(state, event)).toBe(after === '·' ? null : after);
  });

  test('whatever is over stays over, and all else can be cancelled', () => {
    for (const state of ROLLOUT_STATES) {
      const possible = ROLLOUT_EVENTS.filter((event) => rolloutAfter(state, event) !== null);
      if (isOver(state)) expect(possible).toEqual([]);
      else expect(rolloutAfter(state, 'cancelled')).toBe('cancelled');
    }
  });

  test('RO2: a pause and a halt are left by a person alone', () => {
    expect(ROLLOUT_STATES.filter(isActive)).toEqual(['running', 'paused', 'halted']);
    for (const state of ['paused', 'halted'] as const) {
      const left = ROLLOUT_EVENTS.filter((event) => {
        const after = rolloutAfter(state, event);
        return after !== null && after !== 'halted';
      });
      expect(left).toEqual(['resumed', 'cancelled']);
    }
  });
});

test('what failed, and what was rolled back, are failures', () => {
  expect(MEMBER_STATES.filter(isFailure)).toEqual(['failed', 'rolled-back']);
});
