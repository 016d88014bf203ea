import { type Course, step, type UpgradeState } from '@moult/core/upgrade';
import { expect, test } from 'vitest';

const COURSE: Course = {
  order: {
    commandId: 'c',
    attempt: 1,
    component: 'agent',
    version: '1.1.0',
    isForced: false,
    isRevert: false,
    nonce: 'ff',
  },
  from: null,
  steps: [{ step: 'preflight', startedMs: 1 }],
  bytesFetched: 0,
  bytesTotal: 0,
  rehearsal: 'not-done',
};
const SLOT = { version: '1.1.0', digest: 'b'.repeat(64), dir: '1.1.0-bbbbbbbb' };
const RETRY = { failures: 0, notBeforeMs: 0 };

test('U6: a coordinator that lets drain and never switch is asked ever more slowly, and the record does not grow', () => {
  let state: UpgradeState = { kind: 'rehearsed', course: COURSE, slot: SLOT, retry: RETRY };
  let nowMs = 1_000;
  const about = { attemptId: 'c/1' } as const;
  let waitedMs = 0;
  let steps: Course['steps'] = [];
  for (let round = 0; round < 1_000; round++) {
    state = step(state, { kind: 'permission-granted', ...about, point: 'drain', nowMs });
    expect(state).toMatchObject({ kind: 'draining', retry: { notBeforeMs: 0 } });
    const denied = { reason: 'paused', isFinal: false, nowMs } as const;
    state = step(state, { kind: 'permission-denied', ...about, point: 'switch', ...denied });
    if (state.kind !== 'rehearsed') throw new Error(state.kind);
    waitedMs = state.retry.notBeforeMs - nowMs;
    nowMs = state.retry.notBeforeMs;
    steps = state.course.steps;
  }
  expect(waitedMs).toBe(60_000);
  expect(steps.length).toBeLessThanOrEqual(100);
  expect(steps[0]).toEqual({ step: 'preflight', startedMs: 1 });
  expect(steps.at(-1)?.step).toBe('rehearsed');
});
