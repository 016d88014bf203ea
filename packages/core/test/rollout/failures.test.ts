import { describe, expect, test } from 'vitest';
import {
  type CommandEnd,
  FAILURE_KINDS,
  type FailureKind,
  isFailureKind,
  lastStepOf,
  type MemberState,
  memberEndOf,
} from '../../src/rollout/index.ts';

const end = (some: Partial<CommandEnd>): CommandEnd => ({
  state: 'failed',
  outcome: 'failed',
  code: null,
  step: null,
  ...some,
});

describe('RO3, RO32: what became of a command is what became of its agent, and how', () => {
  const cases: readonly [Partial<CommandEnd>, MemberState, FailureKind | null][] = [
    [{ state: 'succeeded', outcome: 'succeeded' }, 'done', null],
    [{ state: 'succeeded', outcome: 'already-there' }, 'done', null],
    [{ state: 'skipped', outcome: 'skipped' }, 'skipped', null],
    [{ state: 'revoked', outcome: 'revoked' }, 'stopped', null],
    [{ state: 'revoked', outcome: 'revoked', code: 'decommissioned' }, 'stopped', null],
    [{ state: 'revoked', outcome: 'revoked', code: 'deadline-passed' }, 'failed', 'deadline'],
    [{ state: 'expired', outcome: 'expired' }, 'failed', 'deadline'],
    [{ state: 'expired', outcome: 'expired', code: 'deadline-passed' }, 'failed', 'deadline'],
    [{ state: 'expired', outcome: 'expired', code: 'host-vanished' }, 'failed', 'vanished'],
    [{ outcome: 'rolled-back', code: 'crashed', step: 'probation' }, 'rolled-back', 'trial'],
    [{ code: 'not-attested', step: 'committing' }, 'failed', 'trial'],
    [{ code: 'packages-not-refreshed', step: 'preflight' }, 'failed', 'preflight'],
    [{ code: 'packages-not-refreshed', step: 'fetching' }, 'failed', 'fetch'],
    [{ code: 'slot-corrupt', step: 'staged' }, 'failed', 'rehearsal'],
    [{ code: 'rehearsal-failed', step: 'staged' }, 'failed', 'rehearsal'],
    [{ code: 'rehearsal-unreached', step: null }, 'failed', 'rehearsal'],
    [{ code: 'boot-record-unwritable', step: 'switching' }, 'failed', 'other'],
    [{ outcome: null }, 'failed', 'other'],
    // What another version of a host says is no name of ours.
    [{ code: 'constructor', step: 'toString' }, 'failed', 'other'],
  ];
  test.each(cases)('%o: %s, %s', (some, state, failure) => {
    expect(memberEndOf(end(some))).toEqual({ state, failure });
  });

  test('the step that failed is the last one that did work', () => {
    expect(lastStepOf([])).toBe(null);
    const steps = ['preflight', 'fetching', 'reporting'].map((step) => ({ step }));
    expect(lastStepOf(steps)).toBe('fetching');
    expect(lastStepOf([...steps, { step: 'rolling-back' }, { step: 'reporting' }])).toBe(
      'fetching',
    );
  });

  test('a stored word that is no kind is none', () => {
    for (const kind of Object.keys(FAILURE_KINDS)) expect(isFailureKind(kind)).toBe(true);
    for (const word of [null, '', 'toString']) expect(isFailureKind(word)).toBe(false);
  });
});
