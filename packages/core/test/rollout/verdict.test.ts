import { describe, expect, test } from 'vitest';
import {
  isOverBudget,
  type RolloutSpec,
  type RolloutStatus,
  slotsFree,
  type Verdict,
  verdictOf,
} from '../../src/rollout/index.ts';
import { type SomeWave, statusOf } from './rollouts.ts';

const NOW = 1_000_000;
const START = { kind: 'start', wave: 0, atMost: null } as const;
const SHARE = { kind: 'share', max: 0.2, minimumSample: 5 } as const;

function wait(
  reason: Extract<Verdict, { kind: 'wait' }>['reason'],
  some: Partial<Verdict> = {},
): Verdict {
  return { kind: 'wait', wave: 1, reason, untilMs: null, ...some } as Verdict;
}

/** Of two waves, the second one waiting. */
function second(before: SomeWave, own: SomeWave = {}, spec: Partial<RolloutSpec> = {}) {
  return statusOf([before, { waiting: 3, ...own }], { spec });
}

function check(cases: readonly [string, RolloutStatus, Verdict][]): void {
  test.each(cases)('%s', (_name, status, verdict) => {
    expect(verdictOf(status, NOW)).toEqual(verdict);
  });
}

describe('who starts', () => {
  check([
    [
      'RO6: nobody of what was withdrawn, also of an open wave',
      statusOf([{ waiting: 1, done: 1 }], { isPublished: false }),
      wait('release-withdrawn', { wave: 0 } as Partial<Verdict>),
    ],
    [
      'RO6: and it ends, where everybody has it',
      statusOf([{ done: 1 }], { isPublished: false }),
      { kind: 'end', isOk: true },
    ],
    ['the first wave', statusOf([{ waiting: 1 }, { waiting: 2 }]), START],
    ['the others of a wave', statusOf([{ waiting: 1, upgrading: 1, done: 1 }]), START],
    [
      'nobody while the last of a wave upgrade',
      statusOf([{ upgrading: 1, done: 1 }, { waiting: 2 }]),
      wait('upgrading', { wave: 0 }),
    ],
    ['RO5: the next wave', second({ done: 1 }), { ...START, wave: 1 }],
    [
      'RO5: a wave that somebody has begun stays open while one before it comes back',
      statusOf([
        { done: 1, upgrading: 1 },
        { waiting: 2, done: 1 },
      ]),
      { ...START, wave: 1 },
    ],
    [
      'RO5: the next one does not open while somebody of any wave before it upgrades',
      statusOf([{ done: 1, upgrading: 1 }, { done: 1 }, { waiting: 1 }]),
      wait('upgrading'),
    ],
    [
      'who is tried again, in a wave before',
      statusOf([{ waiting: 1 }, { upgrading: 1, waiting: 1 }]),
      { ...START, wave: 1 },
    ],
    [
      'RO5: a wave of which somebody was skipped has not begun',
      statusOf([{ upgrading: 1 }, { skipped: 1, stopped: 1, waiting: 1 }]),
      wait('upgrading', { wave: 0 }),
    ],
    [
      'RO5: one of which all were skipped is gone over',
      statusOf([{ done: 1 }, { skipped: 2 }, { waiting: 1, isApproved: true }]),
      { ...START, wave: 2 },
    ],
  ]);
});

describe('RO5: what keeps a wave shut', () => {
  const soakMs = 1000;
  check([
    [
      'soaking',
      second({ done: 1, lastEndMs: NOW - 999 }, {}, { soakMs }),
      wait('awaiting-soak', { untilMs: NOW + 1 }),
    ],
    [
      'soaking no longer',
      second({ done: 1, lastEndMs: NOW - 1000 }, {}, { soakMs }),
      { ...START, wave: 1 },
    ],
    [
      'soaking, also where a person has approved',
      second({ done: 1, lastEndMs: NOW }, { isApproved: true }, { soakMs }),
      wait('awaiting-soak', { untilMs: NOW + soakMs }),
    ],
    [
      'soaking since the last end in any wave before',
      statusOf(
        [{ done: 1, lastEndMs: NOW - 1 }, { skipped: 1 }, { waiting: 1, isApproved: true }],
        { spec: { soakMs } },
      ),
      wait('awaiting-soak', { wave: 2, untilMs: NOW + 999 }),
    ],
    ['an approval', second({ done: 1 }, {}, { needsApproval: true }), wait('awaiting-approval')],
    [
      'an approval that was given no longer',
      second({ done: 1 }, { isApproved: true }, { needsApproval: true }),
      { ...START, wave: 1 },
    ],
    [
      'the first wave needs none',
      statusOf([{ waiting: 1 }], { spec: { needsApproval: true, soakMs } }),
      START,
    ],
  ]);
});

describe('RO6: what cannot be decided does not go on', () => {
  const onError = 'continue';
  const failuresAllowed = SHARE;
  check([
    [
      'a spec that cannot be read halts',
      { ...statusOf([{ waiting: 1 }]), spec: null },
      { kind: 'halt', why: 'what it was told cannot be read any more' },
    ],
    ['a wave that was all away proves nothing', second({ parked: 2 }), wait('awaiting-gate')],
    ['nor does one that was all skipped', second({ skipped: 1 }), wait('awaiting-gate')],
    ['nor one that was all stopped', second({ stopped: 1 }), wait('awaiting-gate')],
    ['until a person approves', second({ parked: 2 }, { isApproved: true }), { ...START, wave: 1 }],
    [
      'one that went through proves it for others',
      second({ parked: 2, done: 1 }),
      { ...START, wave: 1 },
    ],
    [
      'a wave of which too few succeeded is held',
      second({ done: 3, failed: 1, 'rolled-back': 1 }, {}, { onError, successShareMin: 0.7 }),
      wait('awaiting-gate'),
    ],
    [
      'one of which enough did is not',
      second({ done: 3, failed: 1, parked: 9 }, {}, { onError, successShareMin: 0.75 }),
      { ...START, wave: 1 },
    ],
    [
      'failures of too small a sample open no wave',
      second({ done: 1, failed: 1 }, {}, { failuresAllowed }),
      wait('awaiting-gate'),
    ],
    [
      'but let the rest of a wave go on, which makes the sample larger',
      statusOf([{ failed: 1, waiting: 1 }], { spec: { failuresAllowed } }),
      START,
    ],
    [
      'a rollout whose agents are all away does not end',
      statusOf([{ skipped: 1 }, { parked: 2 }]),
      wait('agent-down'),
    ],
  ]);
});

describe('RO4: failures halt, counted over the whole rollout', () => {
  const two = { kind: 'count', max: 2 } as const;
  const judged = (failed: number, done: number, some: Partial<RolloutStatus> = {}) => ({
    ...statusOf(
      [
        { failed, done },
        { waiting: 5, upgrading: 1 },
      ],
      {
        spec: { failuresAllowed: SHARE },
      },
    ),
    ...some,
  });
  check([
    [
      'the first one, unless said',
      statusOf([{ failed: 1, waiting: 1 }]),
      { kind: 'halt', why: '1 failed, 0 may' },
    ],
    [
      'one that was rolled back is one',
      statusOf([{ 'rolled-back': 1, waiting: 1 }]),
      { kind: 'halt', why: '1 failed, 0 may' },
    ],
    [
      'those of all waves together',
      statusOf(
        [
          { failed: 1, done: 9 },
          { failed: 1, 'rolled-back': 1, waiting: 1 },
        ],
        {
          spec: { failuresAllowed: two },
        },
      ),
      { kind: 'halt', why: '3 failed, 2 may' },
    ],
    [
      'as many as may fail do not',
      statusOf([{ failed: 2, waiting: 1 }], { spec: { failuresAllowed: two } }),
      START,
    ],
    ['the last one, too', statusOf([{ failed: 1 }]), { kind: 'halt', why: '1 failed, 0 may' }],
    [
      'those that a person has resumed from do not',
      statusOf([{ failed: 1, waiting: 1 }], { failuresForgiven: 1 }),
      START,
    ],
    [
      'one more does',
      statusOf([{ failed: 2, waiting: 1 }], { failuresForgiven: 1 }),
      { kind: 'halt', why: '1 failed, 0 may' },
    ],
    ['a share above what may fail', judged(2, 4), { kind: 'halt', why: '2 of 6 failed, 20 % may' }],
    ['a share as large as may fail does not', judged(1, 4), { ...START, wave: 1 }],
    ['a sample that is too small does not', judged(4, 0), { ...START, wave: 1 }],
    [
      'what is forgiven makes no share smaller, and is of the sample',
      judged(5, 0, { failuresForgiven: 4 }),
      { kind: 'halt', why: '1 of 1 failed, 20 % may' },
    ],
    [
      'nothing, where all is forgiven',
      judged(5, 0, { failuresForgiven: 5 }),
      { ...START, wave: 1 },
    ],
    [
      'a share is told as it was written',
      statusOf([{ failed: 1, waiting: 1 }], {
        spec: { failuresAllowed: { kind: 'share', max: 0.07, minimumSample: 1 } },
      }),
      { kind: 'halt', why: '1 of 1 failed, 7 % may' },
    ],
    [
      'never where it is to continue',
      statusOf([{ failed: 9, waiting: 1 }], { spec: { onError: 'continue' } }),
      START,
    ],
  ]);
});

describe('RO9: test mode', () => {
  const spec = { pauseAfter: 2 };
  check([
    [
      'starts as many as it was told',
      statusOf([{ waiting: 9 }], { spec }),
      { ...START, atMost: 2 },
    ],
    [
      'counts those on the way',
      statusOf([{ waiting: 9, upgrading: 1 }], { spec }),
      { ...START, atMost: 1 },
    ],
    [
      'starts no more than that',
      statusOf([{ waiting: 9, upgrading: 1, done: 1 }], { spec }),
      wait('upgrading', { wave: 0 }),
    ],
    [
      'nor where more came by themselves',
      statusOf([{ waiting: 9, upgrading: 4 }], { spec }),
      wait('upgrading', { wave: 0 }),
    ],
    [
      'goes on for those that failed',
      statusOf([{ waiting: 9, done: 1, failed: 1 }], { spec: { ...spec, onError: 'continue' } }),
      { ...START, atMost: 1 },
    ],
    [
      'pauses when they are done',
      statusOf([{ waiting: 9, done: 2 }], { spec }),
      { kind: 'pause', why: 'test mode: 2 upgrades are done' },
    ],
    [
      'says of one that it is done',
      statusOf([{ waiting: 9, done: 1 }], { spec: { ...spec, pauseAfter: 1 } }),
      { kind: 'pause', why: 'test mode: 1 upgrade is done' },
    ],
    [
      'counts anew from a resume',
      statusOf([{ waiting: 9, done: 3 }], { spec, doneAtResume: 2 }),
      { ...START, atMost: 1 },
    ],
    ['does not pause what is over', statusOf([{ done: 2 }], { spec }), { kind: 'end', isOk: true }],
    [
      'halts before it pauses',
      statusOf([{ waiting: 9, done: 2, failed: 1 }], { spec }),
      { kind: 'halt', why: '1 failed, 0 may' },
    ],
  ]);
});

describe('RO3: it ends when nobody waits or upgrades', () => {
  const spec = { onError: 'continue' } as const;
  check([
    ['well', statusOf([{ done: 1 }, { done: 2, skipped: 1 }]), { kind: 'end', isOk: true }],
    [
      'well without those that are parked',
      statusOf([{ done: 1, parked: 1 }]),
      { kind: 'end', isOk: true },
    ],
    ['well, with nobody', statusOf([{}, {}]), { kind: 'end', isOk: true }],
    [
      'not well, with a failure',
      statusOf([{ done: 1, failed: 1 }], { spec }),
      { kind: 'end', isOk: false },
    ],
    [
      'not well, with one rolled back',
      statusOf([{ 'rolled-back': 1 }], { spec }),
      { kind: 'end', isOk: false },
    ],
    [
      'not well, with a failure that was forgiven',
      statusOf([{ done: 1, failed: 1 }], { failuresForgiven: 1 }),
      { kind: 'end', isOk: false },
    ],
    ['not well, with one stopped', statusOf([{ stopped: 1 }]), { kind: 'end', isOk: false }],
  ]);
});

describe('RO35, RO38: while some go back', () => {
  const goesOnAfterRollBack = true;
  const two = { kind: 'count', max: 2 } as const;
  check([
    [
      'they are failures',
      statusOf([{ 'to-roll-back': 1, waiting: 1 }]),
      { kind: 'halt', why: '1 failed, 0 may' },
    ],
    [
      'others start where so many may fail',
      statusOf([{ 'rolling-back': 1, waiting: 1 }], { spec: { failuresAllowed: two } }),
      START,
    ],
    [
      'no other wave opens',
      second({ 'rolling-back': 1, done: 1 }, {}, { failuresAllowed: two }),
      wait('rolling-back', { wave: 0 }),
    ],
    [
      'it does not end',
      statusOf([{ done: 2, 'to-roll-back': 1 }], { spec: { failuresAllowed: two } }),
      wait('rolling-back', { wave: 0 }),
    ],
    [
      'nobody starts where their being back decides',
      statusOf([{ 'to-roll-back': 1, waiting: 1 }], { spec: { goesOnAfterRollBack } }),
      wait('rolling-back', { wave: 0 }),
    ],
    [
      'it goes on when they are back, if so asked',
      statusOf([{ 'rolled-back': 1, waiting: 1 }], { spec: { goesOnAfterRollBack } }),
      START,
    ],
    [
      'not where one could not go back',
      statusOf([{ failed: 1, waiting: 1 }], { spec: { goesOnAfterRollBack } }),
      { kind: 'halt', why: '1 failed, 0 may' },
    ],
  ]);
});

describe('RO36: the last wave soaks, too', () => {
  const spec = { soakMs: 1000 };
  check([
    [
      'before it ends',
      statusOf([{ done: 1, lastEndMs: NOW - 999 }], { spec }),
      wait('awaiting-soak', { wave: 0, untilMs: NOW + 1 }),
    ],
    [
      'and then it ends',
      statusOf([{ done: 1, lastEndMs: NOW - 1000 }], { spec }),
      { kind: 'end', isOk: true },
    ],
  ]);
});

describe('RO31: one that is over has a budget still', () => {
  const spec = { failuresAllowed: { kind: 'count', max: 1 } } as const;
  test.each([
    ['as many as may', statusOf([{ done: 5, failed: 1 }], { spec }), false],
    ['one more', statusOf([{ done: 5, failed: 1 }, { 'rolled-back': 1 }], { spec }), true],
    ['of which one is forgiven', statusOf([{ failed: 2 }], { spec, failuresForgiven: 1 }), false],
    ['where it continues', statusOf([{ failed: 9 }], { spec: { onError: 'continue' } }), false],
    ['of a spec that nobody can read', { ...statusOf([{ done: 1 }]), spec: null }, true],
  ])('%s', (_name, status, isOver) => {
    expect(isOverBudget(status)).toBe(isOver);
  });
});

test('RO1: a group has room for as many as it can spare', () => {
  expect(slotsFree({ unavailableMax: 3, inFlight: 0 })).toBe(3);
  expect(slotsFree({ unavailableMax: 3, inFlight: 2 })).toBe(1);
  expect(slotsFree({ unavailableMax: 3, inFlight: 3 })).toBe(0);
  // It was lowered while more were on the way.
  expect(slotsFree({ unavailableMax: 1, inFlight: 3 })).toBe(0);
});
