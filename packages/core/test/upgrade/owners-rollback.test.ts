import { describe, expect, test } from 'vitest';
import { type Slot, slotDirOf } from '../../src/boot/index.ts';
import {
  type BeforeFacts,
  type BootView,
  type Course,
  conditionAfter,
  FIRST_CONDITION,
  ROLLBACK_WINDOW_MS,
  type RollbackFacts,
  rollbackAnswer,
  saidOf,
  step,
  troubleGoingBack,
  type UpgradeState,
  WORK,
} from '../../src/upgrade/index.ts';

const NOW = 1_800_000_000_000;
const OLD = slotOf('1.0.0', 'a');
const NEW = slotOf('2.0.0', 'b');
const NEXT = slotOf('2.1.0', 'c');
const EVIDENCE = {
  reason: 'rolled-back-by-owner',
  detail: 'root: it is loud',
  exitCode: null,
  signal: null,
  logLines: [],
  samples: [],
} as const;
const NOTHING = { committed: null, previous: null, trialAttemptId: null, refused: [] };
const UPGRADED: BootView = {
  agent: { ...NOTHING, committed: NEW, previous: OLD },
  launcher: NOTHING,
};
const RETRY = { failures: 0, notBeforeMs: 0 };
const COURSE: Course = {
  order: {
    commandId: 'c9',
    attempt: 1,
    component: 'agent',
    version: NEXT.version,
    isForced: false,
    isRevert: false,
    nonce: 'ff',
  },
  from: NEW,
  steps: [],
  bytesFetched: 0,
  bytesTotal: 0,
  rehearsal: 'passed',
};

function slotOf(version: string, digit: string): Slot {
  const digest = digit.repeat(64);
  return { version, digest, dir: slotDirOf(version, digest) };
}

function stateOf(kind: UpgradeState['kind'], course: Course = COURSE): UpgradeState {
  const more = { slot: NEXT, isAttested: true, reason: 'own-checks-failed', detail: '' };
  const outcome = { kind: 'succeeded' };
  return { kind, course, retry: RETRY, outcome, ...more } as UpgradeState;
}

function answer(facts: Partial<RollbackFacts> = {}) {
  return rollbackAnswer({
    upgrade: { kind: 'idle' },
    view: UPGRADED,
    committedSinceMs: NOW - 1_000,
    nowMs: NOW,
    isForced: false,
    ...facts,
  });
}

describe('P11 A12: whether the owner of a host may go back', () => {
  test('while nothing is under way, or only an end is still to be reported', () => {
    expect(answer()).toEqual({ kind: 'go-back', from: NEW, to: OLD });
    expect(answer({ upgrade: stateOf('reporting') })).toMatchObject({ kind: 'go-back' });
  });

  test.for([
    ['preflight', 'refuse', 'give-up'],
    ['fetching', 'refuse', 'give-up'],
    ['staged', 'refuse', 'give-up'],
    ['rehearsed', 'refuse', 'give-up'],
    ['draining', 'refuse', 'give-up'],
    ['switching', 'refuse', 'refuse'],
    ['probation', 'end-trial', 'end-trial'],
    ['committing', 'refuse', 'refuse'],
    ['rolling-back', 'refuse', 'refuse'],
  ] as const)('%s: %s, and forced %s', ([kind, asked, forced]) => {
    const upgrade = stateOf(kind);
    expect(answer({ upgrade }).kind).toBe(asked);
    expect(answer({ upgrade, isForced: true }).kind).toBe(forced);
    if (asked !== 'refuse') return;
    expect(answer({ upgrade })).toMatchObject({
      code: 'upgrade-under-way',
      message: `agent 2.1.0 is ${kind}`,
    });
  });

  test('every state has its answer', () => {
    for (const kind of Object.keys(WORK) as UpgradeState['kind'][]) {
      expect(answer({ upgrade: stateOf(kind) }).kind).toBeTypeOf('string');
    }
  });

  test('a trial that its owner ends names what was before it: the committed version, or the first launcher', () => {
    expect(answer({ upgrade: stateOf('probation') })).toEqual({
      kind: 'end-trial',
      attemptId: 'c9/1',
      component: 'agent',
      from: '2.1.0',
      to: '2.0.0',
    });
    const order = { ...COURSE.order, component: 'launcher' } as const;
    const launcher = stateOf('probation', { ...COURSE, order });
    expect(answer({ upgrade: launcher })).toMatchObject({ component: 'launcher', to: null });
  });

  test('within seven days of the commit; later, at an unknown time, or before it by a wrong clock, by force only', () => {
    const late = { code: 'rollback-too-late' };
    for (const committedSinceMs of [NOW - ROLLBACK_WINDOW_MS - 1, null, NOW + 1]) {
      expect(answer({ committedSinceMs })).toMatchObject(late);
      expect(answer({ committedSinceMs, isForced: true })).toMatchObject({ kind: 'go-back' });
    }
    expect(answer({ committedSinceMs: NOW - ROLLBACK_WINDOW_MS })).toMatchObject({
      kind: 'go-back',
    });
  });

  test('not where nothing was before, nor to what was refused here, however much it is forced', () => {
    const agent = UPGRADED.agent;
    const alone = { ...UPGRADED, agent: { ...agent, previous: null } };
    const refusal = { version: '1.0.0', digest: OLD.digest, attemptId: 'o', evidence: EVIDENCE };
    const left = { ...UPGRADED, agent: { ...agent, refused: [refusal] } };
    for (const isForced of [false, true]) {
      expect(answer({ view: alone, isForced })).toMatchObject({ code: 'no-version-before' });
      expect(answer({ view: left, isForced })).toMatchObject({
        code: 'version-before-refused',
        message: '1.0.0: rolled-back-by-owner: root: it is loud',
      });
    }
  });
});

describe('P11 A13: whether the version before may be trusted with the host', () => {
  const trouble = (facts: Partial<BeforeFacts> = {}) =>
    troubleGoingBack({
      to: OLD,
      damage: null,
      stateSchema: 2,
      readableSince: 1,
      isIrreversible: false,
      rehearsal: { outcome: 'passed', detail: '' },
      isForced: false,
      ...facts,
    })?.code ?? null;

  test('where it passed its rehearsal, where nobody reached anything, and where the owner wants no test', () => {
    expect(trouble()).toBeNull();
    expect(trouble({ rehearsal: { outcome: 'not-reached', detail: 'coordinator: …' } })).toBeNull();
    expect(trouble({ rehearsal: { outcome: 'switched-off' } })).toBeNull();
  });

  test('where it failed, or nobody could rehearse it: by force only', () => {
    for (const outcome of ['failed', 'not-done'] as const) {
      const rehearsal = { outcome, detail: 'tasks: tasks-file-invalid: line 3' };
      expect(trouble({ rehearsal })).toBe('rollback-unproved');
      expect(trouble({ rehearsal, isForced: true })).toBeNull();
    }
  });

  test('never with a damaged slot, nor where it cannot read the state: by schema, by its maker, by what it said itself', () => {
    for (const isForced of [false, true]) {
      expect(trouble({ isForced, damage: 'lib/agent.cjs: its hash is wrong' })).toBe(
        'slot-corrupt',
      );
      for (const facts of [
        { readableSince: 3 },
        { stateSchema: null },
        { isIrreversible: true },
        { rehearsal: { outcome: 'failed', detail: 'state: state-too-new: agent.db' } as const },
      ]) {
        expect(trouble({ isForced, ...facts })).toBe('state-too-new');
      }
    }
  });
});

test('P11: a trial that its owner ended is refused in the owner’s words, and leaves no Upgrade Failed behind', () => {
  const about = { attemptId: 'c9/1', nowMs: NOW, reason: saidOf({ by: 'root', why: 'loud' }) };
  expect(step(stateOf('probation'), { kind: 'rejected', by: 'owner', ...about })).toMatchObject({
    kind: 'rolling-back',
    reason: 'rolled-back-by-owner',
    detail: 'root: loud',
  });
  const order = { ...COURSE.order, version: '3.0.0' };
  const course = { ...COURSE, order };
  const end = (reason: 'rolled-back-by-owner' | 'hung') =>
    conditionAfter(FIRST_CONDITION, {
      course,
      outcome: { kind: 'rolled-back', evidence: { ...EVIDENCE, reason } },
    });
  expect(end('rolled-back-by-owner')).toEqual(FIRST_CONDITION);
  expect(end('hung').failedUpgrade).toMatchObject({ version: '3.0.0' });
  expect([saidOf({ by: '', why: '' }), saidOf({ by: 'ann', why: '' })]).toEqual([
    'the owner of the host',
    'ann',
  ]);
});
