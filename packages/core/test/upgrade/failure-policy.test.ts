import { describe, expect, test } from 'vitest';
import { type AgentState, reportedStateOf } from '../../src/agent-state.ts';
import type { Component } from '../../src/component.ts';
import {
  type AgentCondition,
  type Course,
  conditionAfter,
  FIRST_CONDITION,
  type Outcome,
  type UpgradeState,
} from '../../src/upgrade/index.ts';

const EVIDENCE = {
  reason: 'crashed',
  detail: 'exit 1',
  exitCode: 1,
  signal: null,
  logLines: [],
  samples: [],
} as const;
const ROLLED_BACK: Outcome = { kind: 'rolled-back', evidence: EVIDENCE };
const FAILED: Outcome = { kind: 'failed', code: 'fetch-failed', message: 'm' };
const FAILED_BEFORE: AgentCondition = {
  isPaused: false,
  failedUpgrade: { version: '3.0.0', code: 'hung' },
};

interface Attempt {
  readonly to: string;
  readonly component?: Component;
  readonly isForced?: boolean;
  readonly isRevert?: boolean;
  readonly hasSwitched?: boolean;
}

function courseOf(attempt: Attempt): Course {
  const { to, component = 'agent', isForced = false, isRevert = false } = attempt;
  return {
    order: { commandId: 'c', attempt: 1, component, version: to, isForced, isRevert, nonce: 'ff' },
    from: { version: '1.4.0', digest: 'a'.repeat(64), dir: '1.4.0-aaaaaaaa' },
    steps: [
      { step: 'preflight', startedMs: 1 },
      ...(attempt.hasSwitched === false ? [] : [{ step: 'switching' as const, startedMs: 2 }]),
    ],
    bytesFetched: 0,
    bytesTotal: 0,
    rehearsal: 'not-done',
  };
}

function after(attempt: Attempt, outcome: Outcome, before = FIRST_CONDITION): AgentCondition {
  return conditionAfter(before, { course: courseOf(attempt), outcome });
}

describe('H8: what the end of an upgrade leaves behind', () => {
  test('another major version that was rolled back, or failed from the switch on: Upgrade Failed', () => {
    expect(after({ to: '2.0.0' }, ROLLED_BACK)).toEqual({
      isPaused: false,
      failedUpgrade: { version: '2.0.0', code: 'crashed' },
    });
    expect(after({ to: '2.0.0' }, FAILED).failedUpgrade).toEqual({
      version: '2.0.0',
      code: 'fetch-failed',
    });
    expect(after({ to: '0.9.0' }, ROLLED_BACK).failedUpgrade).not.toBeNull();
  });

  const AS_BEFORE: readonly (readonly [string, Attempt, Outcome])[] = [
    ['within the major version', { to: '1.5.0' }, ROLLED_BACK],
    ['a launcher', { to: '2.0.0', component: 'launcher' }, ROLLED_BACK],
    ['one that failed before the switch', { to: '2.0.0', hasSwitched: false }, FAILED],
    ['one that was taken back', { to: '2.0.0' }, { kind: 'denied', reason: 'revoked' }],
    ['what is no version', { to: 'newest', hasSwitched: false }, FAILED],
    ['what was only made ready', { to: '2.0.0', hasSwitched: false }, { kind: 'staged' }],
    ['what runs already', { to: '1.4.0' }, { kind: 'already-there' }],
    ['a launcher that succeeded', { to: '2.0.0', component: 'launcher' }, { kind: 'succeeded' }],
  ];
  test.each(AS_BEFORE)('%s: as before', (_what, attempt, outcome) => {
    expect(after(attempt, outcome)).toBe(FIRST_CONDITION);
    expect(after(attempt, outcome, FAILED_BEFORE)).toBe(FAILED_BEFORE);
  });

  test('an upgrade that succeeds ends it, and so does what an operator insists on and runs already', () => {
    expect(after({ to: '2.0.0' }, { kind: 'succeeded' }, FAILED_BEFORE)).toEqual(FIRST_CONDITION);
    for (const insisted of [{ isForced: true }, { isRevert: true }]) {
      const attempt = { to: '1.4.0', ...insisted };
      expect(after(attempt, { kind: 'already-there' }, FAILED_BEFORE)).toEqual(FIRST_CONDITION);
    }
  });

  test('a pause is not touched by any end', () => {
    const paused: AgentCondition = { ...FIRST_CONDITION, isPaused: true };
    expect(after({ to: '2.0.0' }, ROLLED_BACK, paused).isPaused).toBe(true);
    expect(after({ to: '2.0.0' }, { kind: 'succeeded' }, paused)).toBe(paused);
  });
});

describe('A5: what an agent reports', () => {
  const course = courseOf({ to: '2.0.0' });
  const slot = { version: '2.0.0', digest: 'b'.repeat(64), dir: '2.0.0-bbbbbbbb' };
  const common = { course, slot, retry: { failures: 0, notBeforeMs: 0 } };
  const upgrades: readonly (readonly [UpgradeState, boolean])[] = [
    [{ kind: 'idle' }, false],
    [{ kind: 'preflight', ...common }, false],
    [{ kind: 'fetching', ...common }, false],
    [{ kind: 'staged', ...common }, false],
    [{ kind: 'rehearsed', ...common }, false],
    [{ kind: 'draining', ...common }, true],
    [{ kind: 'switching', ...common }, true],
    [{ kind: 'probation', isAttested: false, ...common }, true],
    [{ kind: 'probation', isAttested: true, ...common }, false],
    [{ kind: 'committing', ...common }, false],
    [{ kind: 'rolling-back', reason: 'own-checks-failed', detail: '', ...common }, true],
    [{ kind: 'reporting', outcome: ROLLED_BACK, ...common }, false],
  ];
  test.each(upgrades)('$kind', (upgrade, isUpgrading) => {
    const hides = (state: AgentState) => (isUpgrading ? 'Upgrading' : state);
    const { failedUpgrade } = FAILED_BEFORE;
    expect(reportedStateOf(upgrade, FIRST_CONDITION)).toBe(hides('Up'));
    expect(reportedStateOf(upgrade, { isPaused: true, failedUpgrade: null })).toBe(hides('Paused'));
    expect(reportedStateOf(upgrade, FAILED_BEFORE)).toBe(hides('Upgrade Failed'));
    expect(reportedStateOf(upgrade, { isPaused: true, failedUpgrade })).toBe(
      hides('Upgrade Failed'),
    );
  });
});
