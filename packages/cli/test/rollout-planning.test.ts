/* `moult rollouts` before the start: drafts, edits, plans of what is stored, times. */
import type { Rollout } from '@moult/api';
import { describe, expect, it } from 'vitest';
import {
  type FakeCoordinator,
  type Handler,
  problemOf,
  startCoordinator,
} from './support/fake-coordinator.ts';
import { counts, ROLLOUT } from './support/rollouts.ts';
import { runHere } from './support/run-here.ts';

const PENDING: Rollout = {
  ...ROLLOUT,
  ...{ state: 'pending', startedMs: null, alreadyThere: 0 },
  counts: counts({ waiting: 2 }),
};
const DRAFT: Rollout = { ...PENDING, state: 'draft', counts: counts({}), waves: [] };
const AT_MS = Date.parse('2026-12-01T02:00:00Z');

const is =
  (value: unknown, status = 200): Handler =>
  () => ({ status, value });

const moult = (coordinator: FakeCoordinator, ...args: readonly string[]) =>
  runHere(['rollouts', ...args, '--url', coordinator.url, '--token', 'x'], {});

describe('moult rollouts create', () => {
  it('keeps a draft, and says that it is planned next', async () => {
    await using coordinator = await startCoordinator({ 'POST /v1/rollouts': is(DRAFT, 201) });
    const args = ['create', 'group=eu', '--to', '1.4.0', '--draft', '--key', 'k1'];
    const ended = await moult(coordinator, ...args);
    expect(ended.out).toContain('spring: draft: agent 1.4.0 for group=eu, not planned yet\n');
    expect(ended.out).toContain('next: moult rollouts plan spring\n');
    expect(coordinator.bodies).toMatchObject([{ isDraft: true, key: 'k1' }]);
  });

  it('says when it starts by itself, and who has to approve it', async () => {
    const timed = { ...PENDING, startsMs: AT_MS };
    await using coordinator = await startCoordinator({ 'POST /v1/rollouts': is(timed, 201) });
    const args = ['create', 'group=eu', '--to', '1.4.0', '--at', '2026-12-01T02:00Z'];
    const four = ['--second-principal', '--only-with-launcher'];
    const ended = await moult(coordinator, ...args, ...four);
    expect(ended.out).toContain('next: it starts by itself at 2026-12-01 02:00:00\n');
    expect(coordinator.bodies).toMatchObject([
      { startsMs: AT_MS, spec: { needsSecondPrincipal: true, isLauncherNeeded: true } },
    ]);
    const waits = { ...PENDING, waitsFor: { reason: 'awaiting-approval', untilMs: null } };
    await using asking = await startCoordinator({ 'POST /v1/rollouts': is(waits, 201) });
    const asked = await moult(asking, 'create', 'group=eu', '--to', '1.4.0');
    expect(asked.out).toContain('says: moult rollouts approve spring\n');
  });

  it.each([
    ['2026-12-01T03:00:00+01:00', AT_MS],
    // As programs write it.
    ['2026-12-01T02:00:00.250Z', AT_MS + 250],
  ])('starts at a time as it is written elsewhere: %s', async (at, startsMs) => {
    await using coordinator = await startCoordinator({ 'POST /v1/rollouts': is(PENDING, 201) });
    await moult(coordinator, 'create', 'group=eu', '--to', '1.4.0', '--at', at);
    expect(coordinator.bodies).toMatchObject([{ startsMs }]);
  });

  it.each([
    [['--at', 'tomorrow'], 'Give a time with its zone'],
    [['--at', '2026-12-01T02:00'], 'Give a time with its zone'],
    [['--draft', '--start'], 'cannot be used with'],
    [
      ['--name', 'Bad Name!'],
      "'--name <name>' argument 'Bad Name!' is invalid. Give a name: letters",
    ],
    [
      ['--roll-back-to', 'v1'],
      "'--roll-back-to <version>' argument 'v1' is invalid. Give a version",
    ],
    [['--to', '1.4'], "'--to <version>' argument '1.4' is invalid. Give a version such as 1.4.0"],
  ])('asks nothing where %j is wrong', async (args, says) => {
    await using coordinator = await startCoordinator({});
    const ended = await moult(coordinator, 'create', 'x', '--to', '1.4.0', ...args);
    expect(ended).toMatchObject({ exitCode: 2, err: expect.stringContaining(says) });
    expect(coordinator.asked).toEqual([]);
  });
});

describe('moult rollouts edit', () => {
  const EDIT = 'POST /v1/rollouts/spring/edit';

  it('hands on what changes, and nothing else', async () => {
    await using coordinator = await startCoordinator({ [EDIT]: is(PENDING) });
    const args = ['edit', 'spring', '--agent', 'web-1', 'web-2', '--to', '1.4.1', '--soak', '1h'];
    const off = ['--no-approval', '--no-pause-after', '--no-at', '--name', 'autumn', '-m', 'slow'];
    const ended = await moult(coordinator, ...args, ...off);
    expect(ended).toMatchObject({ exitCode: 0, err: '' });
    expect(coordinator.bodies).toEqual([
      {
        ...{ agents: ['web-1', 'web-2'], version: '1.4.1', name: 'autumn', why: 'slow' },
        spec: { soakMs: 3_600_000, needsApproval: false, pauseAfter: null },
        ...{ startsMs: null, isDraft: false },
      },
    ]);
  });

  it.each([
    [['--now'], { pace: 'now' }],
    [['--soft'], { pace: 'soft' }],
    [['--no-roll-back-to'], { rollBackTo: null }],
    [['--no-force', '--no-only-with-launcher'], { isForced: false, isLauncherNeeded: false }],
    [['--no-second-principal'], { needsSecondPrincipal: false }],
  ])('takes back by %j what it was made with', async (args, spec) => {
    await using coordinator = await startCoordinator({ [EDIT]: is(PENDING) });
    const ended = await moult(coordinator, 'edit', 'spring', ...args);
    expect(ended).toMatchObject({ exitCode: 0, err: '' });
    expect(coordinator.bodies).toEqual([{ spec, isDraft: false }]);
  });

  it('asks for something that changes', async () => {
    await using coordinator = await startCoordinator({});
    const ended = await moult(coordinator, 'edit', 'spring', '-m', 'nothing');
    expect(ended).toMatchObject({ exitCode: 2, err: expect.stringContaining('nothing was given') });
    expect(coordinator.asked).toEqual([]);
  });
});

describe('moult rollouts plan NAME', () => {
  const going = (agent: string) => ({
    ...{ agent, group: 'eu', platform: 'linux-x64', from: '1.3.0', wave: 0, isConnected: true },
  });
  const plan = {
    members: [going('web-1')],
    alreadyThere: [],
    cannot: [],
    warnings: [],
    totals: [],
  };
  const difference = { alreadyThere: ['web-2'], cannot: [], gone: ['web-3'], added: [] };

  it('plans what is stored, and says what has changed since it was planned before', async () => {
    const answer = { rollout: PENDING, plan, difference };
    await using coordinator = await startCoordinator({
      'POST /v1/rollouts/spring/plan': is(answer),
    });
    const ended = await moult(coordinator, 'plan', 'spring');
    expect(ended.out).toContain('spring: agent to 1.4.0: 1 agent goes, in 1 wave');
    expect(ended.out).toContain(
      'since it was planned before: 1 gone: web-3; 1 there already: web-2\n',
    );
    expect(ended.out).toContain('next: moult rollouts start spring\n');
    expect((await moult(coordinator, 'plan', 'spring', '--detailed-exitcode')).exitCode).toBe(8);
  });

  it('asks for a version where agents, or how it goes on, were given', async () => {
    await using coordinator = await startCoordinator({});
    for (const args of [['group=eu'], ['web-1', 'web-2'], ['spring', '--soak', '1h']]) {
      const ended = await moult(coordinator, 'plan', ...args);
      expect(ended).toMatchObject({ exitCode: 2, err: expect.stringContaining('--to is missing') });
    }
    expect(coordinator.asked).toEqual([]);
  });
});

describe('moult rollouts start', () => {
  const START = 'POST /v1/rollouts/spring/start';

  it('at a time, or as it was planned', async () => {
    const waits = { ...PENDING, waitsFor: { reason: 'awaiting-time', untilMs: AT_MS } };
    await using coordinator = await startCoordinator({ [START]: is(waits) });
    const ended = await moult(coordinator, 'start', 'spring', '--at', '2026-12-01T02:00Z');
    expect(ended.out).toContain('waits for: its start was set for a later time');
    await moult(coordinator, 'start', 'spring', '--as-planned');
    expect(coordinator.bodies).toEqual([{ startsMs: AT_MS }, { asPlanned: true }]);
  });

  it('tells a plan that went stale, and both ways on', async () => {
    const says = 'since spring was planned it has changed who goes: 1 is new: web-9';
    await using coordinator = await startCoordinator({
      [START]: () => problemOf(409, 'rollout-plan-stale', says),
    });
    const ended = await moult(coordinator, 'start', 'spring');
    expect(ended.exitCode).toBe(1);
    expect(ended.err).toContain(`error: ${says}`);
  });
});
