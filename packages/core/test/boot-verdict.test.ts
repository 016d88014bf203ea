import { expect, test } from 'vitest';
import {
  DIAL_TICKS,
  type Heartbeat,
  openVerdict,
  STRIKE_GAP_MS,
  stepVerdict,
  VERDICTS,
  type Verdict,
  type VerdictEvent,
  verdictAfterStoppedProbe,
  WATCHED_AGAIN_MS,
  WORLD_PROBE_TICKS,
} from '../src/boot/index.ts';
import { DEAF_BEAT, GOOD_BEAT } from './boot-states.ts';

const SICK: Heartbeat = { reached: true, healthy: false, trouble: 'no disk', idle: true };
const STUCK: Heartbeat = {
  reached: true,
  healthy: false,
  trouble: 'cannot-upgrade-again: no metadata',
  idle: true,
};

const heartbeat = (beat: Heartbeat): VerdictEvent => ({ kind: 'heartbeat', heartbeat: beat });
const ticked = (last: Heartbeat | null): VerdictEvent => ({ kind: 'ticked', last });
const probed = (reached: boolean): VerdictEvent => ({ kind: 'probed', reached });
const dialled = (reached: boolean, last: Heartbeat = DEAF_BEAT): VerdictEvent => ({
  kind: 'dialled',
  reached,
  last,
});

const over: Verdict = openVerdict(0);
const afterStrike: Verdict = { kind: 'open', leftMs: STRIKE_GAP_MS, strikes: 1, mode: 'beside' };
const stopped: Verdict = { kind: 'open', leftMs: 0, strikes: 1, mode: 'stopped' };
const own: Verdict = { kind: 'probing-own', strikes: 1 };
const previous: Verdict = { kind: 'probing-previous', strikes: 1 };
const dialling: Verdict = { kind: 'dialling', strikes: 0, mode: 'beside', ticks: 0 };
const second: Verdict = { kind: 'dialling', strikes: 1, mode: 'beside', ticks: DIAL_TICKS - 1 };
const broken: Verdict = { kind: 'world-broken', ticks: WORLD_PROBE_TICKS - 1 };
const due: Verdict = { kind: 'dial-due', strikes: 1 };
const good: Verdict = { kind: 'good' };

type Row = readonly [string, Verdict, VerdictEvent, string, string];
const CASES: readonly Row[] = [
  ['counts down while it watches', openVerdict(10_000), ticked(null), 'open', 'none'],
  ['leaves silence to the hang', over, ticked(null), 'open', 'none'],
  ['waits for confirm when all is good (B12)', over, ticked(GOOD_BEAT), 'good', 'none'],
  [
    'refuses own checks that fail at the end',
    over,
    ticked(SICK),
    'open',
    'refuse own-checks-failed',
  ],
  [
    'asks the world about a version that is not reached',
    over,
    ticked(DEAF_BEAT),
    'probing-own',
    'probe-own',
  ],
  ['asks the world about a failing refresh', over, ticked(STUCK), 'probing-own', 'probe-own'],
  [
    'asks again with the process stopped, when idle',
    stopped,
    ticked(DEAF_BEAT),
    'open',
    'stop-and-probe',
  ],
  ['does not stop what is busy', stopped, ticked({ ...DEAF_BEAT, idle: false }), 'open', 'none'],
  ['open ignores a probe', over, probed(true), 'open', 'none'],
  ['open ignores a dial', over, dialled(false), 'open', 'none'],
  ['stays good', good, heartbeat(GOOD_BEAT), 'good', 'none'],
  ['watches again when it is not good any more', good, heartbeat(DEAF_BEAT), 'open', 'none'],
  ['no time ends what is good (B12)', good, ticked(GOOD_BEAT), 'good', 'none'],
  ['good ignores a probe', good, probed(false), 'good', 'none'],
  ['good ignores a dial', good, dialled(false), 'good', 'none'],
  ['own probe reaches: dial', own, probed(true), 'dialling', 'dial'],
  [
    'own probe fails: the previous version probes',
    own,
    probed(false),
    'probing-previous',
    'probe-previous',
  ],
  ['a good heartbeat ends the own probe', own, heartbeat(GOOD_BEAT), 'good', 'none'],
  ['own probe takes its time', own, ticked(DEAF_BEAT), 'probing-own', 'none'],
  ['own probe ignores a dial', own, dialled(true), 'probing-own', 'none'],
  ['previous reaches: dial', previous, probed(true), 'dialling', 'dial'],
  ['neither reaches: the world is broken (B13)', previous, probed(false), 'world-broken', 'none'],
  ['a good heartbeat ends the other probe', previous, heartbeat(GOOD_BEAT), 'good', 'none'],
  ['the other probe takes its time', previous, ticked(DEAF_BEAT), 'probing-previous', 'none'],
  ['the other probe ignores a dial', previous, dialled(true), 'probing-previous', 'none'],
  ['dialled: watching goes on', dialling, dialled(true), 'open', 'none'],
  ['the first failure is only counted (B11)', dialling, dialled(false), 'open', 'none'],
  [
    'the second running refuses (B11)',
    second,
    dialled(false),
    'dialling',
    'refuse cannot-reach-coordinator',
  ],
  [
    'no answer is a failure',
    second,
    ticked(DEAF_BEAT),
    'dialling',
    'refuse cannot-reach-coordinator',
  ],
  ['a dial takes its time', dialling, ticked(DEAF_BEAT), 'dialling', 'none'],
  [
    'reached but stuck twice running refuses',
    second,
    dialled(true, STUCK),
    'dialling',
    'refuse cannot-upgrade-again',
  ],
  ['a good heartbeat ends the dial', second, heartbeat(GOOD_BEAT), 'good', 'none'],
  ['a dial ignores a probe', dialling, probed(false), 'dialling', 'none'],
  ['the world returns: watching goes on (B13)', broken, heartbeat(GOOD_BEAT), 'open', 'none'],
  ['the world stays away', broken, heartbeat(DEAF_BEAT), 'world-broken', 'none'],
  ['hourly and idle: stop and probe', broken, ticked(DEAF_BEAT), 'world-broken', 'stop-and-probe'],
  [
    'hourly and busy: not yet',
    broken,
    ticked({ ...DEAF_BEAT, idle: false }),
    'world-broken',
    'none',
  ],
  ['a broken world ignores a probe', broken, probed(true), 'world-broken', 'none'],
  ['a broken world ignores a dial', broken, dialled(true), 'world-broken', 'none'],
  ['started again: dials as soon as it speaks', due, heartbeat(DEAF_BEAT), 'dialling', 'dial'],
  ['started again and good', due, heartbeat(GOOD_BEAT), 'good', 'none'],
  ['started again and silent', due, ticked(null), 'dial-due', 'none'],
  ['started again ignores a probe', due, probed(true), 'dial-due', 'none'],
  ['started again ignores a dial', due, dialled(true), 'dial-due', 'none'],
];

test.for(CASES)('%s', ([, verdict, event, kind, work]) => {
  const step = stepVerdict(verdict, event);
  expect(step.verdict.kind).toBe(kind);
  expect(step.work.kind === 'refuse' ? `refuse ${step.work.reason}` : step.work.kind).toBe(work);
});

test('each cell of the verdict table is met', () => {
  const met = new Set(CASES.map(([, verdict, event]) => `${verdict.kind} ${event.kind}`));
  met.add('open heartbeat');
  expect([...met].sort()).toEqual(
    Object.entries(VERDICTS)
      .flatMap(([state, row]) => Object.keys(row).map((event) => `${state} ${event}`))
      .sort(),
  );
});

test('B11: a heartbeat that saw the world forgets the failure before', () => {
  expect(stepVerdict(afterStrike, heartbeat(GOOD_BEAT)).verdict).toMatchObject({ strikes: 0 });
  expect(stepVerdict(afterStrike, heartbeat(DEAF_BEAT)).verdict).toBe(afterStrike);
});

test('a probe with the new process stopped goes on with a dial, or with a broken world', () => {
  expect(verdictAfterStoppedProbe({ reached: true, strikes: 1 })).toEqual(due);
  expect(verdictAfterStoppedProbe({ reached: false, strikes: 1 })).toEqual({
    kind: 'world-broken',
    ticks: 0,
  });
  expect(stepVerdict(broken, heartbeat(GOOD_BEAT)).verdict).toEqual(openVerdict(WATCHED_AGAIN_MS));
});
