import { describe, expect, test } from 'vitest';
import { HOLD_REASONS, type HoldReason } from '../../src/command/reasons.ts';
import {
  MEMBER_STATES,
  type MembersAlike,
  memberReasonOf,
  ROLLOUT_STATES,
  type RolloutFacts,
  UNFINISHED,
  whyOf,
} from '../../src/rollout/index.ts';

const RUNNING: RolloutFacts = {
  ...{ name: 'spring', component: 'agent', version: '1.4.0' },
  ...{ state: 'running', stateWhy: '', waitsFor: null, wave: 0 },
};
const HALTED: RolloutFacts = { ...RUNNING, state: 'halted', stateWhy: '1 failed, 0 may' };

/** So many agents alike, `a1` first. */
function alike(count: number, of: Partial<MembersAlike> = {}): MembersAlike {
  const some = Array.from({ length: Math.min(count, 5) }, (_, n) => ({
    ...{ agent: `a${n + 1}`, platform: 'linux-x64', commandId: `c${n + 1}` },
    message: of.code === undefined ? null : 'it ended',
  }));
  return {
    state: 'waiting',
    wave: 0,
    holdReason: null,
    code: null,
    failure: null,
    count,
    some,
    ...of,
  };
}

const freedBy = (rollout: RolloutFacts, all: MembersAlike) =>
  whyOf(rollout, [all]).find(({ about }) => about !== 'rollout')?.freedBy;

describe('why agents of a rollout do not have the version', () => {
  test('is said of the rollout first, then of failures, then of the others, the most frequent first', () => {
    const reasons = whyOf(HALTED, [
      alike(2, { state: 'parked', holdReason: 'paused' }),
      alike(3),
      alike(4, { wave: 1 }),
      alike(1, { state: 'failed', code: 'crashed' }),
      alike(3, { state: 'rolled-back', code: 'crashed' }),
      alike(9, { state: 'done' }),
      alike(9, { state: 'skipped' }),
      alike(9, { state: 'stopped' }),
    ]);
    expect(reasons.map(({ about, reason, agents }) => [about, reason, agents])).toEqual([
      ['rollout', 'rollout-halted', 0],
      ['failed', 'crashed', 3],
      ['failed', 'crashed', 1],
      ['held', 'rollout-halted', 7],
      ['held', 'paused', 2],
    ]);
    expect(reasons.map(({ text }) => text)).toEqual([
      'the rollout was halted by failures: 1 failed, 0 may',
      'rolled back (crashed): it ended',
      'failed (crashed): it ended',
      'the rollout was halted by failures',
      'the agent is paused',
    ]);
    expect(reasons[0]?.freedBy).toMatch(/^moult rollouts resume spring \(/);
    expect(reasons[3]?.names).toEqual(['a1', 'a2', 'a3', 'a1', 'a2']);
  });

  test.each(UNFINISHED)('%s: each has a reason of the closed list, or a code', (state) => {
    const code = 'crashed';
    const [reason] = whyOf(RUNNING, [alike(1, { state, code })]);
    expect(reason?.reason === code || Object.hasOwn(HOLD_REASONS, reason?.reason ?? '')).toBe(true);
    expect(reason?.text).not.toBe('');
  });

  test('of those that are over, or of a rollout that is, nothing is said', () => {
    for (const state of MEMBER_STATES.filter((one) => !UNFINISHED.includes(one)))
      expect(whyOf(RUNNING, [alike(1, { state })])).toEqual([]);
    for (const state of ['ended', 'cancelled'] as const)
      expect(whyOf({ ...RUNNING, state, stateWhy: 'by ada' }, [])).toEqual([]);
  });

  test.each(Object.keys(HOLD_REASONS) as HoldReason[])(
    '%s: no placeholder is left for what is known',
    (reason) => {
      const waitsFor = { reason, untilMs: 7 };
      for (const state of ROLLOUT_STATES) {
        const rollout = { ...RUNNING, state, waitsFor };
        const all = [alike(7), alike(7, { state: 'parked', holdReason: reason })];
        for (const said of whyOf(rollout, [
          ...all,
          alike(7, { state: 'upgrading', holdReason: reason }),
        ]))
          expect(said.freedBy ?? '').not.toMatch(
            /\b(ROLLOUT|AGENT|VERSION|ID|PLATFORM|LAUNCHER)\b/,
          );
      }
    },
  );
});

describe('what frees agents of a rollout', () => {
  const parked = (count: number, holdReason: HoldReason) =>
    alike(count, { state: 'parked', holdReason });

  test('is a command with their names, and where they are many, with the first of them', () => {
    expect(freedBy(RUNNING, parked(2, 'paused'))).toBe('moult agents resume a1 a2');
    expect(freedBy(RUNNING, parked(500, 'paused'))).toBe(
      'moult agents resume a1 a2 a3 (and so for 497 more)',
    );
    expect(freedBy(RUNNING, parked(2, 'preflight-failed'))).toBe(
      'moult agents show a1 (and so for 1 more)',
    );
    expect(freedBy(RUNNING, parked(1, 'agent-down'))).toBe(
      'moult commands revoke c1 (where the host has the command already)',
    );
  });

  test('of another component says so', () => {
    const rollout: RolloutFacts = { ...RUNNING, component: 'launcher' };
    expect(freedBy(rollout, parked(1, 'retry-backoff'))).toBe(
      'moult agents upgrade --component launcher a1 --to 1.4.0',
    );
    expect(freedBy(rollout, parked(2, 'refused-here'))).toMatch(
      /^moult history a1 .+--component launcher a1 --to OTHER.+--component launcher a1 --to 1.4.0 --force\)/,
    );
  });

  test('is an end of the command where a host has it, which another order would wait behind', () => {
    const trying = alike(1, { state: 'upgrading', holdReason: 'retry-backoff' });
    expect(freedBy(RUNNING, trying)).toBe('moult commands revoke c1');
  });

  test('is a person’s word where a wave waits for it, and time where the wave before is at work', () => {
    const waitsFor = { reason: 'awaiting-approval', untilMs: null };
    const asked = whyOf({ ...RUNNING, waitsFor, wave: 1 }, [
      alike(2, { wave: 1 }),
      alike(3, { wave: 2 }),
    ]);
    expect(asked.map(({ reason, freedBy: by }) => [reason, by])).toEqual([
      ['awaiting-approval', 'moult rollouts approve spring'],
      ['awaiting-gate', null],
      ['awaiting-approval', 'moult rollouts approve spring'],
    ]);
  });

  test('is the remedy of a failure, or another try', () => {
    const failed = alike(1, { state: 'failed', code: 'rehearsal-failed' });
    expect(freedBy(RUNNING, failed)).toContain('`moult agents upgrade a1`');
    const crashed = alike(1, { state: 'rolled-back', code: 'crashed' });
    expect(freedBy(HALTED, crashed)).toBe('moult rollouts retry spring');
  });

  test('after the end is another version; what has just failed is forced last, where it is good after all', () => {
    const ended: RolloutFacts = { ...RUNNING, state: 'ended' };
    const bad =
      'moult history a1 (the evidence; then another version, moult agents upgrade a1 --to OTHER, or the choice taken back, moult agents desired (--unset); if the release is good after all, moult agents upgrade a1 --to 1.4.0 --force)';
    const of = (state: 'failed' | 'rolled-back', failure: string | null) =>
      freedBy(ended, alike(1, { state, failure, code: 'ended-so' }));
    expect(of('rolled-back', 'trial')).toBe(bad);
    expect(of('rolled-back', null)).toBe(bad);
    expect(of('failed', 'after-commit')).toBe(bad);
    expect(of('failed', 'fetch')).toBe('moult agents upgrade a1 --to 1.4.0');
  });

  test('what only a newer host says is told as it said it', () => {
    const [said] = whyOf(RUNNING, [alike(1, { state: 'parked', holdReason: 'full-moon' })]);
    expect(said).toMatchObject({ reason: 'full-moon', text: 'full-moon', freedBy: null });
  });
});

describe('agents that go back', () => {
  const failed = { code: 'failed-after-commit', failure: 'after-commit' };
  const say = (...all: readonly MembersAlike[]) =>
    whyOf(HALTED, all)
      .slice(1)
      .map(({ about, text, agents, freedBy: by }) => [about, text, agents, by]);

  test('R23: what failed is said from the failure on, and that they go back beside it', () => {
    expect(
      say(
        alike(1, { state: 'to-roll-back', ...failed }),
        alike(2, { state: 'rolling-back', ...failed }),
      ),
    ).toEqual([
      ['failed', 'failed, after commit, and goes back (failed-after-commit): it ended', 3, null],
      ['held', 'on the way back: the agent is upgrading', 2, null],
      [
        'held',
        'on the way back: as many agents of its group as may be are upgrading already',
        1,
        null,
      ],
    ]);
  });

  test.each(Object.keys(HOLD_REASONS) as HoldReason[])(
    'R23: held by %s, nothing is offered that would leave them where they are',
    (holdReason) => {
      for (const state of ['to-roll-back', 'rolling-back'] as const)
        expect(say(alike(2, { state, holdReason }))[0]?.[3] ?? '').not.toMatch(
          /commands revoke|agents upgrade/,
        );
    },
  );

  test('R23: one that is away goes back when it comes; there is a word for its host if it never does', () => {
    const [away, other] = say(
      alike(2, { state: 'to-roll-back', holdReason: 'agent-down' }),
      alike(1, { state: 'parked', holdReason: 'agent-down' }),
    );
    expect(away).toEqual([
      'held',
      'on the way back as soon as it comes: the agent is not connected',
      2,
      expect.stringMatching(/^moult agent status \(on the host.+moult agent rollback/),
    ]);
    expect(other?.[3]).toMatch(/^moult commands revoke c1/);
  });

  test('R23: one that went back with the others is not told as failed', () => {
    expect(
      say(
        alike(1, { state: 'rolled-back' }),
        alike(1, { state: 'rolled-back', failure: 'trial', code: 'crashed' }),
        alike(2, { state: 'rolled-back', ...failed }),
      ),
    ).toEqual([
      [
        'failed',
        'rolled back, after commit (failed-after-commit): it ended',
        2,
        expect.stringContaining('`moult agents show a1 a2`'),
      ],
      ['failed', 'rolled back (crashed): it ended', 1, 'moult rollouts retry spring'],
      ['held', 'went back with the others, and had not failed', 1, null],
    ]);
  });
});

describe('a rollout before its start', () => {
  const first = (some: Partial<RolloutFacts>) =>
    whyOf({ ...RUNNING, waitsFor: null, ...some }, []).map(({ reason, untilMs, freedBy }) => ({
      ...{ reason, untilMs, freedBy },
    }));

  test('waits for its plan, a person, or what else it says', () => {
    const { name } = RUNNING;
    expect(first({ state: 'draft' })).toEqual([
      { reason: 'rollout-draft', untilMs: null, freedBy: `moult rollouts plan ${name}` },
    ]);
    expect(first({ state: 'pending' })).toEqual([
      { reason: 'rollout-pending', untilMs: null, freedBy: `moult rollouts start ${name}` },
    ]);
    const waitsFor = { reason: 'awaiting-approval', untilMs: null };
    expect(first({ state: 'pending', waitsFor })).toEqual([
      { ...waitsFor, freedBy: `moult rollouts approve ${name}` },
    ]);
  });
});

describe('what one agent waits for', () => {
  const reason = (rollout: Partial<RolloutFacts>, wave = 0) =>
    memberReasonOf({ ...RUNNING, ...rollout }, { state: 'waiting', wave, holdReason: null });

  test('is its turn, its wave, or what keeps the rollout', () => {
    expect(reason({})).toBe('awaiting-turn');
    expect(reason({ waitsFor: { reason: 'upgrading', untilMs: null } })).toBe('awaiting-turn');
    expect(reason({}, 1)).toBe('awaiting-gate');
    expect(reason({ waitsFor: { reason: 'awaiting-soak', untilMs: 7 } })).toBe('awaiting-soak');
    const restored = { reason: 'coordinator-restored', untilMs: null };
    expect(reason({ waitsFor: restored }, 1)).toBe('coordinator-restored');
    const back = { state: 'to-roll-back', wave: 0, holdReason: null } as const;
    expect(memberReasonOf(HALTED, back)).toBe('awaiting-turn');
    const waitsFor = { reason: 'coordinator-upgrading', untilMs: null };
    expect(memberReasonOf({ ...HALTED, waitsFor }, back)).toBe('coordinator-upgrading');
    expect(reason({ state: 'pending' })).toBe('rollout-pending');
    expect(reason({ state: 'draft' })).toBe('rollout-draft');
    const timed = { reason: 'awaiting-time', untilMs: 7 };
    expect(reason({ state: 'pending', waitsFor: timed })).toBe('awaiting-time');
    expect(reason({ state: 'paused' })).toBe('rollout-paused');
  });
});
