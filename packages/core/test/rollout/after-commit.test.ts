import { describe, expect, test } from 'vitest';
import {
  type AfterCommit,
  afterCommitOf,
  type DoneFacts,
  type FailureKind,
  failuresOf,
  isCountedFailure,
  MEMBER_STATES,
  type MemberState,
  NO_MEMBERS,
  type RolloutSpec,
  stateAfterFailure,
  wayBackOf,
} from '../../src/rollout/index.ts';
import { SPEC } from './rollouts.ts';

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;

describe('RO36: who is done is looked at still', () => {
  const good: DoneFacts = {
    component: 'agent',
    given: '2.0.0',
    shown: '2.0.0',
    orderedSince: [],
    state: 'Up',
    awayMs: null,
    lossesMs: [],
  };
  const losses = (count: number, agoMs: number) => Array(count).fill(NOW - agoMs);
  const cases: readonly [string, Partial<DoneFacts>, AfterCommit['kind']][] = [
    ['as it was given', {}, 'good'],
    ['of which nothing is known', { shown: null }, 'good'],
    ['paused by a person', { state: 'Paused' }, 'good'],
    ['that shows another version', { shown: '1.0.0' }, 'bad'],
    ['that reports a failure', { state: 'Upgrade Failed' }, 'bad'],
    ['whose launcher was upgraded', { component: 'launcher', state: 'Upgrade Failed' }, 'good'],
    [
      'that a later order brings another version',
      { shown: '2.1.0', orderedSince: ['2.1.0'] },
      'good',
    ],
    ['that shows what nobody ordered', { shown: '1.0.0', orderedSince: ['2.1.0'] }, 'bad'],
    ['whose later order failed', { state: 'Upgrade Failed', orderedSince: ['2.1.0'] }, 'good'],
    [
      'that is away for a moment, whatever it showed',
      { awayMs: 10 * MINUTE - 1, shown: '1.0.0' },
      'good',
    ],
    ['that is away for longer than a reboot', { awayMs: 10 * MINUTE }, 'gone'],
    ['that crashes again and again', { lossesMs: losses(5, MINUTE) }, 'bad'],
    ['that crashes, and is away just now', { lossesMs: losses(5, MINUTE), awayMs: 5 }, 'bad'],
    ['that lost a few sessions', { lossesMs: losses(4, MINUTE) }, 'good'],
    ['that lost them long ago', { lossesMs: losses(9, 10 * MINUTE) }, 'good'],
  ];
  test.each(cases)('one %s', (_name, some, kind) => {
    expect(afterCommitOf({ ...good, ...some }, NOW).kind).toBe(kind);
  });
});

describe('RO35: who goes back, and where', () => {
  const cases: readonly [Partial<RolloutSpec>, FailureKind, MemberState][] = [
    [{}, 'after-commit', 'to-roll-back'],
    [{ rollBack: 'all' }, 'after-commit', 'to-roll-back'],
    [{ rollBack: 'none' }, 'after-commit', 'failed'],
    // Its own launcher has brought it back.
    [{}, 'trial', 'rolled-back'],
    [{ rollBackTo: '1.0.0' }, 'trial', 'rolled-back'],
    [{ rollBackTo: '1.5.0' }, 'trial', 'to-roll-back'],
    [{ rollBackTo: '1.5.0', rollBack: 'none' }, 'trial', 'rolled-back'],
  ];
  test.each(cases)('%o, %s: %s', (some, kind, state) => {
    expect(stateAfterFailure({ ...SPEC, ...some }, { kind, from: '1.0.0' })).toBe(state);
  });

  test('to what it ran before, or to the version that was named', () => {
    expect(wayBackOf(SPEC, { from: '1.0.0' })).toBe('1.0.0');
    expect(wayBackOf({ ...SPEC, rollBackTo: '1.5.0' }, { from: '1.0.0' })).toBe('1.5.0');
    expect(wayBackOf(SPEC, { from: null })).toBe(null);
  });
});

test('RO38: who is back on a working version is no failure where it goes on after a rollback', () => {
  const counts = {
    ...NO_MEMBERS,
    done: 9,
    failed: 1,
    'rolled-back': 2,
    'to-roll-back': 4,
    'rolling-back': 8,
  };
  expect(failuresOf(SPEC, counts)).toBe(15);
  const goesOn = { ...SPEC, goesOnAfterRollBack: true };
  expect(failuresOf(goesOn, counts)).toBe(1);
  const countedBy = (spec: RolloutSpec | null) =>
    MEMBER_STATES.filter((state) => isCountedFailure(spec, state));
  const all = ['to-roll-back', 'rolling-back', 'failed', 'rolled-back'];
  expect(countedBy(SPEC)).toEqual(all);
  expect(countedBy(null)).toEqual(all);
  expect(countedBy(goesOn)).toEqual(['failed']);
});
