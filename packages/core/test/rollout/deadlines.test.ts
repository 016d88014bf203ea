import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DEADLINE_MS_MIN,
  deadlineMsOf,
  type Overdue,
  overdueOf,
  type StepFacts,
  stepMsOf,
} from '../../src/rollout/index.ts';

const MINUTE = 60_000;
const NOW = 1_800_000_000_000;
const STEPS = ['preflight', 'fetching', 'staged', 'draining', 'switching', 'probation'];

describe('RO33: deadlines are learned, above a floor', () => {
  test('of few attempts nothing is learned', () => {
    expect(deadlineMsOf('fetching', [])).toBe(60 * MINUTE);
    expect(deadlineMsOf('fetching', Array(4).fill(90 * MINUTE))).toBe(60 * MINUTE);
  });

  test('several times as long as nearly all took', () => {
    const most = [...Array(99).fill(20 * MINUTE), 600 * MINUTE];
    expect(deadlineMsOf('fetching', most)).toBe(80 * MINUTE);
  });

  test('what waits for the coordinator has none, nor what nobody knows', () => {
    for (const step of ['rehearsed', 'reporting', 'toString', ''])
      expect(deadlineMsOf(step, [1, 2, 3, 4, 5])).toBe(null);
  });

  test('it is never below its floor, nor above a day, and longer where others took longer', () => {
    const ms = fc.integer({ min: 0, max: 10 * 86_400_000 });
    fc.assert(
      fc.property(fc.constantFrom(...STEPS), fc.array(ms, { maxLength: 30 }), (step, measured) => {
        const deadlineMs = deadlineMsOf(step, measured) ?? 0;
        expect(deadlineMs).toBeGreaterThanOrEqual(deadlineMsOf(step, []) ?? 0);
        expect(deadlineMs).toBeGreaterThanOrEqual(DEADLINE_MS_MIN);
        expect(deadlineMs).toBeLessThanOrEqual(86_400_000);
        const slower = measured.map((one) => one * 2);
        expect(deadlineMsOf(step, slower) ?? 0).toBeGreaterThanOrEqual(deadlineMs);
      }),
    );
  });

  test('a step that was taken twice took both, and one without an end is not measured', () => {
    const at = (step: string, startedMs: number) => ({ step, startedMs });
    const steps = [at('draining', 5), at('rehearsed', 8), at('draining', 10), at('switching', 20)];
    expect(stepMsOf(steps, 'draining')).toBe(13);
    expect(stepMsOf(steps, 'switching')).toBe(null);
    expect(stepMsOf(steps, 'fetching')).toBe(null);
    // Its clock was set back.
    expect(stepMsOf([at('fetching', 10), at('staged', 4)], 'fetching')).toBe(0);
  });
});

describe('RO33, RO34: what is overdue', () => {
  const facts = (some: Partial<StepFacts>): StepFacts => ({
    step: 'fetching',
    sinceMs: NOW - 59 * MINUTE,
    hasSwitched: false,
    awayMs: null,
    hostHoldReason: null,
    isStanding: false,
    measuredMs: [],
    ...some,
  });
  const slow = { sinceMs: NOW - 60 * MINUTE };
  const probation = { step: 'probation', sinceMs: NOW - 90 * MINUTE, hasSwitched: true };
  const cases: readonly [string, Partial<StepFacts>, Overdue['kind']][] = [
    ['nothing before its deadline', {}, 'in-time'],
    ['a slow one is taken back', slow, 'taken-back'],
    [
      'not where others are as slow',
      { ...slow, measuredMs: Array(5).fill(30 * MINUTE) },
      'in-time',
    ],
    ['not while its rollout stands', { ...slow, isStanding: true }, 'in-time'],
    ['whose owner holds it is parked', { ...slow, hostHoldReason: 'host-locked' }, 'parked'],
    [
      'a preflight that fails is a failure',
      { ...slow, hostHoldReason: 'preflight-failed' },
      'taken-back',
    ],
    ['who is away before the switch is parked', { awayMs: 10 * MINUTE }, 'parked'],
    ['not for a moment', { ...slow, awayMs: 10 * MINUTE - 1 }, 'in-time'],
    [
      'who was paused is parked while it is away',
      { awayMs: 10 * MINUTE, isStanding: true },
      'parked',
    ],
    [
      'who does not come back from the switch vanished',
      { hasSwitched: true, awayMs: 10 * MINUTE },
      'vanished',
    ],
    [
      'also of a rollout that stands',
      { hasSwitched: true, awayMs: 10 * MINUTE, isStanding: true },
      'vanished',
    ],
    ['not before its deadline', { hasSwitched: true, awayMs: 10 * MINUTE - 1 }, 'in-time'],
    [
      'not where switching takes longer',
      {
        step: 'switching',
        hasSwitched: true,
        awayMs: 10 * MINUTE,
        measuredMs: Array(5).fill(5 * MINUTE),
      },
      'in-time',
    ],
    [
      'who waits to be started has not',
      { hasSwitched: true, awayMs: 900 * MINUTE, hostHoldReason: 'awaiting-start' },
      'in-time',
    ],
    ['who is there past the switch is late', probation, 'late'],
    ['also of a rollout that stands', { ...probation, isStanding: true }, 'late'],
    ['nobody who waits for the coordinator', { step: 'rehearsed', sinceMs: 0 }, 'in-time'],
  ];
  test.each(cases)('%s', (_name, some, kind) => {
    expect(overdueOf(facts(some), NOW).kind).toBe(kind);
  });

  test('nothing is overdue that has just begun, and more time makes nothing less overdue', () => {
    const reasons = fc.constantFrom(
      null,
      'preflight-failed',
      'pinned',
      'awaiting-start',
      'unheard-of',
    );
    const any = fc.record({
      step: fc.constantFrom(...STEPS, 'rehearsed', 'unheard-of'),
      sinceMs: fc.constant(0),
      hasSwitched: fc.boolean(),
      awayMs: fc.constant(null),
      hostHoldReason: reasons,
      isStanding: fc.boolean(),
      measuredMs: fc.array(fc.integer({ min: 0, max: 86_400_000 }), { maxLength: 9 }),
    });
    const minutes = fc.integer({ min: 0, max: 3_000 });
    fc.assert(
      fc.property(any, minutes, minutes, (some, at, later) => {
        expect(overdueOf(some, DEADLINE_MS_MIN - 1)).toEqual({ kind: 'in-time' });
        const first = overdueOf(some, at * MINUTE).kind;
        const second = overdueOf(some, (at + later) * MINUTE).kind;
        if (first !== 'in-time') expect(second).toBe(first);
      }),
    );
  });
});
