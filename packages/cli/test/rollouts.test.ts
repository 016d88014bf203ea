import type { Rollout } from '@moult/api';
import { describe, expect, it } from 'vitest';
import type { Member } from '../src/commands/rollouts/members.ts';
import {
  type FakeCoordinator,
  type Handler,
  problemOf,
  startCoordinator,
} from './support/fake-coordinator.ts';
import {
  AT_MS,
  counts,
  ENDED,
  HALTED,
  member,
  REPORT,
  ROLLOUT,
  ROLLOUT_ID,
} from './support/rollouts.ts';
import { type HereOptions, runHere } from './support/run-here.ts';

const ROUTE = 'GET /v1/rollouts/spring';
const REPORT_ROUTE = `GET /v1/rollouts/${ROLLOUT_ID}/report`;
const AGENTS = `GET /v1/rollouts/${ROLLOUT_ID}/agents`;
const PLAN = { members: [], alreadyThere: ['web-1'], cannot: [], warnings: [], totals: [] };
const GOING = {
  agent: 'web-2',
  group: 'eu',
  platform: 'linux-x64',
  from: '1.3.0',
  wave: 0,
  isConnected: true,
};

const is =
  (value: unknown, status = 200): Handler =>
  () => ({ status, value });

/** One after the other; the last one stays. */
function are(...values: readonly unknown[]): Handler {
  let asked = 0;
  return () => {
    const value = values[Math.min(asked, values.length - 1)];
    asked += 1;
    return { status: 200, value };
  };
}

/** Pages of two, by place, as a coordinator gives them. */
const membersAre =
  (...members: readonly Member[]): Handler =>
  (_body, query) => {
    const state = query.get('state');
    const after = Number(query.get('after') ?? -1);
    const placed = members.map((one, place) => ({ ...one, place }));
    const left = placed.filter(
      (one) => one.place > after && (state === null || one.state === state),
    );
    const agents = left.slice(0, 2);
    return { status: 200, value: { agents, next: left.length > 2 ? agents[1]?.place : null } };
  };

function moult(coordinator: FakeCoordinator, ...args: readonly string[]) {
  return moultOn({}, coordinator, ...args);
}

function moultOn(options: HereOptions, coordinator: FakeCoordinator, ...args: readonly string[]) {
  return runHere([...args, '--url', coordinator.url, '--token', 'x'], options);
}

const NOTHING_OF_SETTINGS = ['--no-approval', '--no-late-joiners', '--no-go-on-after-rollback'];

describe('moult rollouts plan', () => {
  it('asks with what was given, and leaves out what was not', async () => {
    await using coordinator = await startCoordinator({ 'POST /v1/rollouts/plan': is(PLAN) });
    const plain = ['rollouts', 'plan', 'group=eu', '--to', '1.4.0'];
    const ended = await moult(coordinator, ...plain, '--detailed-exitcode');
    expect(ended).toMatchObject({ exitCode: 0, err: '' });
    expect(ended.out).toContain('agent to 1.4.0: there is nothing to do; 1 there already');
    const all = ['--waves', '1,10%,rest', '--soak', '10m', '--success', '90%', '--approval'];
    const failing = ['--max-failed-share', '5%', '--min-sample', '20', '--on-error', 'continue'];
    const rest = ['--pause-after', '3', '--force', '--component', 'launcher', '--to', '1.1.0'];
    await moult(coordinator, 'rollouts', 'plan', 'web-1', 'web-2', ...all, ...failing, ...rest);
    await moult(coordinator, ...plain, '--late-joiners', '--priority', '-5');
    // Whatever the settings say (R3).
    await moult(coordinator, ...plain, ...NOTHING_OF_SETTINGS);
    expect(coordinator.bodies).toEqual([
      { select: 'group=eu', component: 'agent', version: '1.4.0', spec: {} },
      {
        agents: ['web-1', 'web-2'],
        component: 'launcher',
        version: '1.1.0',
        spec: {
          waves: [{ kind: 'count', count: 1 }, { kind: 'percent', percent: 10 }, { kind: 'rest' }],
          soakMs: 600_000,
          successShareMin: 0.9,
          needsApproval: true,
          onError: 'continue',
          failuresAllowed: { kind: 'share', max: 0.05, minimumSample: 20 },
          pauseAfter: 3,
          isForced: true,
        },
      },
      {
        select: 'group=eu',
        component: 'agent',
        version: '1.4.0',
        spec: { takesLateJoiners: true, priority: -5 },
      },
      {
        select: 'group=eu',
        component: 'agent',
        version: '1.4.0',
        spec: { needsApproval: false, takesLateJoiners: false, goesOnAfterRollBack: false },
      },
    ]);
  });

  it('ends with 8 where there is something to do, only when asked to', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/rollouts/plan': is({ ...PLAN, members: [GOING] }),
    });
    const args = ['rollouts', 'plan', 'group=eu', '--to', '1.4.0'];
    expect((await moult(coordinator, ...args)).exitCode).toBe(0);
    expect((await moult(coordinator, ...args, '--detailed-exitcode')).exitCode).toBe(8);
  });

  it.each([
    [['--waves', 'rest,1'], 'rest'],
    [['--success', '90'], 'such as 5%'],
    [['--soak', '31d'], '30 days'],
    [['--min-sample', '3'], '--min-sample goes with --max-failed-share'],
    [['--max-failed', '3', '--max-failed-share', '5%'], 'cannot be used with'],
    [['--pause-after', '0'], 'one upgrade at least'],
    [['--priority', 'high'], 'not a whole number from -100 to 100'],
    [['--priority', '101'], '-100 to 100'],
    [['--late-joiners'], 'late joiners come by a selector'],
  ])('asks nothing where %j is wrong', async (args, says) => {
    await using coordinator = await startCoordinator({});
    const ended = await moult(coordinator, 'rollouts', 'plan', 'x', '--to', '1.4.0', ...args);
    expect(ended.exitCode).toBe(2);
    expect(ended.err).toContain(says);
    expect(coordinator.asked).toEqual([]);
  });
});

describe('moult rollouts create', () => {
  const pending: Rollout = { ...ROLLOUT, state: 'pending', startedMs: null };
  const ARGS = ['rollouts', 'create', 'group=eu', '--to', '1.4.0', '--name', 'spring'];

  it('makes one, and says how it is started', async () => {
    await using coordinator = await startCoordinator({ 'POST /v1/rollouts': is(pending, 201) });
    const ended = await moult(coordinator, ...ARGS, '--why', 'change 42');
    expect(ended).toMatchObject({ exitCode: 0, err: '' });
    expect(ended.out).toContain('spring: pending: agent 1.4.0 for 12 agents in 3 waves');
    expect(ended.out).toContain('next: moult rollouts start spring\n');
    expect(coordinator.bodies).toMatchObject([{ name: 'spring', why: 'change 42' }]);
  });

  it('starts it at once; where that is refused it says that it was made', async () => {
    const start = `POST /v1/rollouts/${ROLLOUT_ID}/start`;
    const handlers = { 'POST /v1/rollouts': is(pending, 201) };
    await using coordinator = await startCoordinator({ ...handlers, [start]: is(ROLLOUT) });
    const started = await moult(coordinator, ...ARGS, '--start');
    expect(started.out).toContain('next: moult rollouts watch spring\n');
    expect(coordinator.asked).toEqual(['POST /v1/rollouts', start]);
    await using refusing = await startCoordinator({
      ...handlers,
      [start]: () => problemOf(409, 'rollout-overlaps', 'web-1 is on the way in winter'),
    });
    const refused = await moult(refusing, ...ARGS, '--start');
    expect(refused.exitCode).not.toBe(0);
    expect(refused.err).toMatch(/^spring is made, and not started\.\nerror: web-1 is on the way/);
  });
});

describe('moult rollouts status', () => {
  it.each([
    ['ended well', ENDED, 0],
    ['running', ROLLOUT, 8],
    ['paused', { ...ROLLOUT, state: 'paused' as const }, 8],
    ['ended with failures', { ...ENDED, outcome: 'ended-not-ok' as const }, 5],
    ['halted', HALTED, 5],
    ['cancelled', { ...ENDED, state: 'cancelled' as const, outcome: null }, 5],
  ])('of one that is %s ends with its exit code', async (_name, rollout, exitCode) => {
    await using coordinator = await startCoordinator({
      [ROUTE]: is(rollout),
      [REPORT_ROUTE]: is({ ...REPORT, rollout }),
    });
    const ended = await moult(coordinator, 'rollouts', 'status', 'spring');
    expect(ended.exitCode).toBe(exitCode);
    expect(ended.out).toContain('rollout:        spring');
    if (exitCode === 5)
      expect(ended.err).toMatch(/next: See `moult rollouts why spring`.+rollout-not-done/s);
  });

  it('waits for the end, and says what it waits for', async () => {
    const soaking = { ...ROLLOUT, waitsFor: { reason: 'awaiting-soak', untilMs: 1 } };
    await using coordinator = await startCoordinator({ [ROUTE]: are(ROLLOUT, soaking, ENDED) });
    const ended = await moult(coordinator, 'rollouts', 'status', 'spring', '--wait', '-o', 'json');
    expect(ended.exitCode).toBe(0);
    expect(JSON.parse(ended.out)).toEqual(ENDED);
    expect(ended.err).toContain('step spring: running, 2 of 12 over\n');
    expect(ended.err).toContain('2 of 12 over, waits for: the wave before has not soaked long');
  });

  it.each([
    ['resume', { ...ROLLOUT, state: 'paused' as const, counts: counts({ done: 2, waiting: 9 }) }],
    ['plan', { ...ROLLOUT, state: 'draft' as const, counts: counts({}) }],
    ['start', { ...ROLLOUT, state: 'pending' as const, counts: counts({ waiting: 9 }) }],
    [
      'approve',
      {
        ...ROLLOUT,
        waitsFor: { reason: 'awaiting-approval', untilMs: null },
        counts: counts({ done: 2, waiting: 9 }),
      },
    ],
  ])('waits no longer once a person has to %s it', async (verb, asked) => {
    const busy = { ...asked, counts: ROLLOUT.counts };
    await using coordinator = await startCoordinator({ [ROUTE]: are(busy, asked) });
    const ended = await moult(coordinator, 'rollouts', 'status', 'spring', '--wait', '-o', 'json');
    expect(ended.exitCode).toBe(8);
    expect(JSON.parse(ended.out)).toEqual(asked);
    expect(ended.err).toContain(`spring waits for a person: moult rollouts ${verb} spring\n`);
  });

  it('waits for one that starts by itself', async () => {
    const waitsFor = { reason: 'awaiting-time', untilMs: AT_MS };
    const set = { state: 'pending' as const, waitsFor, counts: counts({ waiting: 9 }) };
    await using coordinator = await startCoordinator({
      [ROUTE]: are({ ...ROLLOUT, ...set }, ENDED),
    });
    const ended = await moult(coordinator, 'rollouts', 'status', 'spring', '--wait', '-o', 'json');
    expect(ended.exitCode).toBe(0);
  });

  it('waits no longer than it was told to', async () => {
    await using coordinator = await startCoordinator({ [ROUTE]: is(ROLLOUT) });
    const args = ['rollouts', 'status', 'spring', '--wait', '--timeout', '1ms'];
    const ended = await moult(coordinator, ...args);
    expect(ended.exitCode).toBe(3);
    expect(ended.err).toContain('code: wait-ended');
  });
});

describe('moult rollouts watch', () => {
  it('writes a line for each change where there is no terminal, then the status', async () => {
    const [a, b, c] = [member('web-1'), member('web-2'), member('web-3')];
    const done = { state: 'done' } as const;
    const one = { ...ROLLOUT, counts: counts({ done: 1, upgrading: 1, waiting: 1 }) };
    const pages = [
      membersAre({ ...a, ...done }, { ...b, state: 'upgrading' }, c),
      membersAre({ ...a, ...done }, { ...b, ...done }, { ...c, state: 'failed', code: 'crashed' }),
    ];
    let asked = 0;
    await using coordinator = await startCoordinator({
      // The same counts: nobody is asked again.
      [ROUTE]: are(one, one, HALTED),
      [AGENTS]: (body, query) => {
        const page = pages[asked < 2 ? 0 : 1];
        asked += 1;
        return page?.(body, query) ?? problemOf(500, 'internal', 'no page');
      },
    });
    const ended = await moult(coordinator, 'rollouts', 'watch', 'spring');
    expect(ended.exitCode).toBe(5);
    expect(ended.err.split('\n').slice(0, 5)).toEqual([
      '[1/3] web-1: done',
      '[1/3] web-2: upgrading',
      '[3/3] web-2: done',
      '[3/3] web-3: failed (crashed)',
      'error: spring: halted: 1 failed, 0 may (2 done, 1 failed, 9 waiting)',
    ]);
    expect(ended.out).toContain('state:          halted: 1 failed, 0 may');
    expect(coordinator.asked.filter((route) => route === AGENTS)).toHaveLength(4);
  });
});

describe('moult rollouts watch on a terminal', () => {
  it('redraws waves and whoever is held, then leaves the status alone on the screen', async () => {
    const running = { ...ROLLOUT, counts: counts({ done: 2, parked: 1, waiting: 9 }) };
    const soaking = { ...running, waitsFor: { reason: 'awaiting-soak', untilMs: AT_MS + 90_000 } };
    await using coordinator = await startCoordinator({
      [ROUTE]: are(running, soaking, ENDED),
      [AGENTS]: membersAre(
        member('web-1', { state: 'done' }),
        member('web-2', { state: 'parked', holdReason: 'paused' }),
      ),
    });
    const terminal = { rows: 24, columns: 60 };
    const args = ['rollouts', 'watch', 'spring'];
    const ended = await moultOn({ terminal, nowMs: AT_MS }, coordinator, ...args);
    expect(ended.exitCode).toBe(0);
    const [first = '', second = '', last] = ended.err.split('\u001b[J');
    for (const frame of [first, second]) {
      expect(frame).toContain('wave 2 [');
      expect(frame).toContain('web-2: parked: the agent is paused (paused)');
      expect(frame).not.toContain('web-1');
    }
    expect(second).toContain('waits for: the wave before has not soaked');
    expect(last).toBe('\u001b[?1049l');
    expect(ended.out).toContain('state:          ended-ok\n');
  });
});

describe('moult rollouts start, pause, resume, approve, skip and retry', () => {
  it.each(['start', 'pause', 'resume', 'approve'])('%s hands its reason on', async (act) => {
    await using coordinator = await startCoordinator({
      [`POST /v1/rollouts/spring/${act}`]: is(ROLLOUT),
    });
    const ended = await moult(coordinator, 'rollouts', act, 'spring', '--why', 'change 42');
    expect(ended).toMatchObject({
      exitCode: 0,
      out: 'spring: running (2 done, 1 upgrading, 9 waiting)\n',
    });
    expect(coordinator.bodies).toEqual([{ why: 'change 42' }]);
  });

  it('leaves one agent out', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/rollouts/spring/agents/web-1/skip': is(ROLLOUT),
    });
    const ended = await moult(coordinator, 'rollouts', 'skip', 'spring', 'web-1');
    expect(ended).toMatchObject({ exitCode: 0, err: '' });
    expect(ended.out).toMatch(/^web-1: skipped\nspring: running/);
  });

  it('says who is tried again, and that a halted one has to be resumed', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/rollouts/spring/retry': is({ rollout: HALTED, agents: ['web-1'] }),
    });
    const ended = await moult(coordinator, 'rollouts', 'retry', 'spring');
    expect(ended.out).toMatch(/^1 agent again: web-1\n/);
    expect(ended.out).toMatch(/next: moult rollouts resume spring\n$/);
  });
});

describe('moult rollouts cancel', () => {
  it('says of each agent whether it was stopped, what was too late first', async () => {
    const rollout = { ...ROLLOUT, state: 'cancelled' };
    const agents = [
      { agent: 'web-1', answer: 'done' },
      { agent: 'web-2', answer: 'too-late' },
      { agent: 'web-3', answer: 'stopped' },
    ];
    await using coordinator = await startCoordinator({
      'POST /v1/rollouts/spring/cancel': is({ rollout, agents }),
    });
    const ended = await moult(coordinator, 'rollouts', 'cancel', 'spring');
    expect(ended.exitCode).toBe(0);
    expect(ended.out.split('\n')).toEqual([
      'web-2: too late: it may switch already, and ends by itself',
      'web-3: stopped; it keeps its version',
      'web-1: done before: it has the new version',
      'spring: cancelled (2 done, 1 upgrading, 9 waiting)',
      '',
    ]);
  });
});

describe('moult rollouts list and why', () => {
  it('lists them, of one state where that is asked for', async () => {
    await using coordinator = await startCoordinator({
      'GET /v1/rollouts': (_body, query) => {
        const rollouts = query.get('state') === 'halted' ? [] : [ROLLOUT];
        return { status: 200, value: { rollouts, next: null } };
      },
    });
    const all = await moult(coordinator, 'rollouts', 'list');
    expect(all.out).toMatch(/spring +agent 1\.4\.0 +running +2\/3 +2\/12 +2 done, 1 upgrading/);
    const none = await moult(coordinator, 'rollouts', 'list', '--state', 'halted');
    expect(none.out).toBe('No rollout is halted.\n');
  });

  it('says why, grouped by reason', async () => {
    const reason = {
      ...{ about: 'held', reason: 'paused', text: 'the agent is paused', untilMs: null },
      ...{ freedBy: 'moult agents resume web-3', agents: 1, names: ['web-3'] },
    };
    await using coordinator = await startCoordinator({
      [`${ROUTE}/why`]: is({ rollout: ROLLOUT, reasons: [reason] }),
    });
    const ended = await moult(coordinator, 'rollouts', 'why', 'spring');
    expect(ended).toMatchObject({ exitCode: 0, err: '' });
    expect(ended.out).toContain('1 agent: the agent is paused (paused): web-3\n');
    expect(ended.out).toContain('  freed by: moult agents resume web-3\n');
  });
});

describe('moult groups', () => {
  it('removes one', async () => {
    await using coordinator = await startCoordinator({
      'DELETE /v1/groups/eu': is({ name: 'eu' }),
    });
    const ended = await moult(coordinator, 'groups', 'remove', 'eu', '-m', 'moved');
    expect(ended).toMatchObject({ exitCode: 0, err: '', out: 'group eu is removed\n' });
  });

  it('lists and sets how many may be upgrading at once', async () => {
    const eu = { name: 'eu', agents: 30, unavailableMax: 1 };
    await using coordinator = await startCoordinator({
      'GET /v1/groups': is({ groups: [eu] }),
      'PUT /v1/groups/eu': is({ ...eu, unavailableMax: 3 }),
    });
    expect((await moult(coordinator, 'groups', 'list')).out).toMatch(/eu +30 +1\n$/);
    const set = ['groups', 'set', 'eu', '--max-unavailable', '3', '--why', 'grown'];
    const ended = await moult(coordinator, ...set);
    expect(ended.out).toBe('eu: 3 of 30 agents may be upgrading at once\n');
    expect(coordinator.bodies.at(-1)).toEqual({ unavailableMax: 3, why: 'grown' });
    expect((await moult(coordinator, 'groups', 'set', 'eu')).exitCode).toBe(2);
    const none = await moult(coordinator, 'groups', 'set', 'eu', '--max-unavailable', '0');
    expect(none.exitCode).toBe(2);
    expect(none.err).toMatch(
      /'--max-unavailable <count>' argument '0' is invalid. Give a whole number, 1 or more/,
    );
  });
});
