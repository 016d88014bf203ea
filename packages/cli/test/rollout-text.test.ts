import { NO_MEMBERS } from '@moult/core/rollout';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { barText, countsText, overIn, sizeOf } from '../src/commands/rollouts/bar.ts';
import { planLines } from '../src/commands/rollouts/plan-text.ts';
import { specText, statusLines, waitText } from '../src/commands/rollouts/rollout-text.ts';
import { type Why, whyLines } from '../src/commands/rollouts/why-text.ts';
import { namesText } from '../src/terminal/names.ts';
import { AT_MS, counts, ENDED, HALTED, ROLLOUT } from './support/rollouts.ts';

describe('a bar', () => {
  it.each([
    [{ done: 10 }, '[##########]'],
    [{ done: 5, waiting: 5 }, '[#####.....]'],
    [{ done: 3, failed: 1, 'rolled-back': 1, upgrading: 1, waiting: 4 }, '[###!!>....]'],
    [{ done: 9_998, failed: 1, waiting: 1 }, '[########!.]'],
    [{ skipped: 1, parked: 1, stopped: 1, done: 7 }, '[#######---]'],
    [{}, '[          ]'],
  ])('of %j is %s', (some, bar) => {
    expect(barText(counts(some), 10)).toBe(bar);
  });

  it('is as wide as it was asked to be, and shows each kind that there is', () => {
    const some = fc.record(
      Object.fromEntries(Object.keys(NO_MEMBERS).map((state) => [state, fc.nat(20_000)])),
    );
    fc.assert(
      fc.property(some, fc.integer({ min: 10, max: 200 }), (members, width) => {
        const of = counts(members);
        const bar = barText(of, width);
        expect(bar).toHaveLength(width + 2);
        expect(bar.includes('!')).toBe(of.failed + of['rolled-back'] > 0);
        expect(bar.includes('#')).toBe(of.done > 0);
        expect(bar.includes('.')).toBe(of.waiting > 0);
        expect(bar.includes('>')).toBe(of.upgrading > 0);
      }),
    );
  });

  it('comes with numbers: those that are over are on the way no more', () => {
    const of = counts({ done: 3, failed: 1, upgrading: 2, waiting: 4, parked: 1 });
    expect([overIn(of), sizeOf(of)]).toEqual([5, 11]);
    expect(countsText(of)).toBe('3 done, 1 failed, 2 upgrading, 4 waiting, 1 parked');
    expect(countsText(NO_MEMBERS)).toBe('nobody');
  });
});

describe('names', () => {
  it.each([
    [[], ''],
    [['a'], 'a'],
    [['a', 'b', 'c'], 'a, b, c'],
    [['a', 'b', 'c', 'd'], 'a, b and 2 more'],
  ])('%j are %j where two are shown', (names, text) => {
    expect(namesText(names, 2)).toBe(text);
  });
});

describe('what a rollout waits for', () => {
  it('is said in words, until when, and how long that is', () => {
    const waits = (reason: string, untilMs: number | null) =>
      waitText({ waitsFor: { reason, untilMs } }, AT_MS);
    expect(waits('awaiting-soak', AT_MS + 90_000)).toBe(
      'the wave before has not soaked long enough (awaiting-soak), 1 min 30 s more, until 2023-11-14 22:14:50',
    );
    expect(waits('awaiting-soak', AT_MS - 1)).toMatch(/until 2023-11-14 22:13:19$/);
    expect(waits('upgrading', null)).toBe('agents that are upgrading');
    expect(waits('a-newer-reason', null)).toBe('a-newer-reason');
    expect(waitText({ waitsFor: null }, AT_MS)).toBeNull();
  });
});

describe('how a rollout goes on', () => {
  const { spec } = ROLLOUT;
  if (spec === null) throw new Error('the rollout of the tests has a spec');

  it('is said in words, and only what is not as ever', () => {
    expect(specText(spec)).toBe('waves 1, 20%, rest; soak 10 min 0 s; halts at the first failure');
    expect(
      specText({
        ...spec,
        waves: [{ kind: 'rest' }],
        soakMs: 0,
        successShareMin: 0.07,
        needsApproval: true,
        failuresAllowed: { kind: 'share', max: 0.05, minimumSample: 20 },
        pauseAfter: 3,
        isForced: true,
      }),
    ).toBe(
      'waves rest; 7% must succeed; a person approves each wave; halts at more than 5% failures, once 20 agents are over; test mode: pauses after 3; forced',
    );
    expect(specText({ ...spec, onError: 'continue' })).toContain('continues whatever fails');
    expect(specText(null)).toContain('cannot be read');
  });
});

describe('the status of a rollout', () => {
  it('has its fields, then a bar for each wave; the one at work is marked', () => {
    const waiting = { ...ROLLOUT, waitsFor: { reason: 'upgrading', untilMs: null } };
    expect(statusLines(waiting, AT_MS + 60_000).join('\n')).toBe(
      [
        'rollout:        spring (01kq3v8m6t5n9y2x)',
        'brings:         agent 1.4.0',
        'for:            group=eu',
        'state:          running',
        'waits for:      agents that are upgrading',
        'agents:         2 of 12 over: 2 done, 1 upgrading, 9 waiting',
        'already there:  2',
        'goes on:        waves 1, 20%, rest; soak 10 min 0 s; halts at the first failure',
        'made:           2023-11-14 22:13:20 by ada',
        'why:            change 42',
        'started:        2023-11-14 22:13:20, for 1 min 0 s',
        '',
        'WAVE                          OVER  AGENTS',
        '1     [####################]   1/1  1 done',
        '2 *   [########>>>>>>......]   1/3  1 done, 1 upgrading, 1 waiting',
        '3     [....................]   0/8  8 waiting',
      ].join('\n'),
    );
  });

  it('of one that is over says how long it took, and warns of nothing any more', () => {
    const text = statusLines(
      { ...ENDED, warnings: [{ code: 'away', agents: ['web-9'] }] },
      AT_MS + 9e9,
    ).join('\n');
    expect(text).toContain('state:          ended-ok\n');
    expect(text).toContain('22:13:20, took 1 min 30 s\n');
    expect(text).not.toContain('warning');
    expect(text).not.toContain('*');
  });
});

describe('a plan', () => {
  const going = (agent: string, wave: number) => ({
    agent,
    group: 'eu',
    platform: 'linux-x64',
    from: '1.3.0',
    wave,
    isConnected: true,
  });

  it('says who goes in which wave, who does not, what to know, and what they leave', () => {
    const plan = {
      members: [going('web-1', 0), ...[2, 3, 4, 5].map((n) => going(`web-${n}`, 1))],
      alreadyThere: ['db-1', 'db-2'],
      cannot: [
        { agent: 'pi-1', reason: 'no-platform' },
        { agent: 'old-1', reason: 'manual-upgrade-required' },
        { agent: 'pi-2', reason: 'no-platform' },
      ],
      warnings: [
        { code: 'away' as const, agents: ['web-5'] },
        { code: 'continues-on-error' as const, agents: [] },
      ],
      totals: [{ platform: 'linux-x64', from: '1.3.0', agents: 5 }],
    };
    expect(planLines(plan, 'agent to 1.4.0').join('\n')).toBe(
      [
        'agent to 1.4.0: 5 agents go, in 2 waves; 2 there already, 3 cannot',
        'wave 1, 1 agent: web-1',
        'wave 2, 4 agents: web-2, web-3, web-4, web-5',
        'already there, 2 agents: db-1, db-2',
        'cannot, 2 agents: the release was not built for this platform (no-platform): pi-1, pi-2',
        'cannot, 1 agent: the agent is too old to upgrade itself (manual-upgrade-required): old-1',
        'warning, 1 agent: they are not connected; they are parked when their turn comes, and upgraded when they come: web-5',
        'warning: it never halts by itself: if the version fails everywhere, the service stops for whole groups, and work can be interrupted',
        '',
        'PLATFORM   FROM   AGENTS',
        'linux-x64  1.3.0       5',
      ].join('\n'),
    );
  });

  it('shortens long waves', () => {
    const members = Array.from({ length: 40 }, (_, index) => going(`w-${index + 1}`, 0));
    const nothing = { alreadyThere: [], cannot: [], warnings: [], totals: [] };
    expect(planLines({ members, ...nothing }, 'x')[1]).toBe(
      'wave 1, 40 agents: w-1, w-2, w-3, w-4, w-5, w-6, w-7, w-8 and 32 more',
    );
  });

  it('of nobody says so', () => {
    const nothing = { members: [], cannot: [], warnings: [], totals: [] };
    expect(planLines({ ...nothing, alreadyThere: ['a'] }, 'agent to 1.4.0')).toEqual([
      'agent to 1.4.0: there is nothing to do; 1 there already',
      'already there, 1 agent: a',
    ]);
  });
});

describe('why a rollout does not move', () => {
  const reason = (of: Partial<Why['reasons'][number]>): Why['reasons'][number] => ({
    ...{ about: 'held', reason: 'paused', text: 'the agent is paused', untilMs: null },
    ...{ freedBy: 'moult agents resume web-1', agents: 1, names: ['web-1'] },
    ...of,
  });

  it('is a line for each reason, what frees it once, and where the evidence of a failure is', () => {
    const freedBy = 'moult rollouts resume spring';
    const halted = { reason: 'rollout-halted', text: 'the rollout was halted', freedBy };
    const failed = {
      about: 'failed',
      reason: 'crashed',
      text: 'failed (crashed): it ended',
    } as const;
    const reasons = [
      reason({ ...halted, about: 'rollout', agents: 0, names: [] }),
      reason({ ...failed, freedBy: 'Look at its log.', names: ['db-1'] }),
      reason({ ...halted, agents: 500, names: ['w-1', 'w-2'] }),
      reason({}),
    ];
    expect(whyLines({ rollout: HALTED, reasons }, AT_MS).join('\n')).toBe(
      [
        'spring: halted: 1 failed, 0 may',
        '1 agent: failed (crashed): it ended: db-1',
        '  evidence: moult rollouts report spring --agent db-1',
        '  next: Look at its log.',
        'the rollout (rollout-halted)',
        '  freed by: moult rollouts resume spring',
        '500 agents: the rollout was halted (rollout-halted): w-1, w-2 and 498 more',
        '1 agent: the agent is paused (paused): web-1',
        '  freed by: moult agents resume web-1',
      ].join('\n'),
    );
  });

  it('names what the rollout itself waits for, and until when', () => {
    const soaking = { reason: 'awaiting-soak', text: 'the wave before soaks', freedBy: null };
    const untilMs = AT_MS + 60_000;
    const of = reason({ ...soaking, about: 'rollout', untilMs, agents: 0, names: [] });
    expect(whyLines({ rollout: ROLLOUT, reasons: [of] }, AT_MS)).toEqual([
      'spring: running',
      'waits for: the wave before soaks (awaiting-soak), 1 min 0 s more, until 2023-11-14 22:14:20',
    ]);
  });

  it('says so where nobody waits', () => {
    expect(whyLines({ rollout: ENDED, reasons: [] }, AT_MS)).toEqual([
      'spring: ended-ok',
      'Nobody fails, and nobody waits.',
    ]);
  });
});
