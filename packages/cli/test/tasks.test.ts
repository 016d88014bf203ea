import type { Run } from '@moult/api';
import { describe, expect, it } from 'vitest';
import {
  type FakeCoordinator,
  type Handler,
  problemOf,
  startCoordinator,
} from './support/fake-coordinator.ts';
import { runMoult } from './support/run-moult.ts';

const ID = '01kq3v8m6t5n9y2x';

const RUN: Run = {
  run: `${ID}/1`,
  agent: 'web-1',
  task: 'backup',
  parameters: [{ name: 'target', value: 'tape' }],
  commandId: ID,
  attempt: 1,
  state: 'succeeded',
  holdReason: null,
  isWaitingForHost: false,
  createdMs: 1_700_000_000_000,
  createdBy: 'ada',
  why: 'before the move',
  startedMs: 1_700_000_000_000,
  endedMs: 1_700_000_012_300,
  code: null,
  message: null,
  exitCode: 0,
  signal: null,
  outputBytes: 2_048,
  droppedBytes: 0,
  starts: 1,
};

const FAILED: Run = {
  ...RUN,
  state: 'failed',
  code: 'task-exited',
  message: 'it ended with exit code 3',
  exitCode: 3,
};

const WAITING: Run = {
  ...RUN,
  state: 'queued',
  holdReason: 'paused',
  isWaitingForHost: true,
  startedMs: null,
  endedMs: null,
  exitCode: null,
};

const COMMAND = {
  id: ID,
  kind: 'task',
  agent: 'web-1',
  instanceId: ID,
  component: 'agent',
  version: null,
  origin: 'manual',
  isForced: false,
  isRevert: false,
  pace: 'now',
  state: 'queued',
  holdReason: 'paused',
  attempt: 1,
  outcome: null,
  code: null,
  message: null,
  createdMs: 1_700_000_000_000,
  createdBy: 'ada',
  why: '',
  notAfterMs: 1_800_000_000_000,
  endedMs: null,
  task: { name: 'backup', parameters: [] },
};

const ordered = (agent: string) => ({
  agent,
  outcome: 'ordered',
  command: { ...COMMAND, agent },
  run: RUN.run,
  code: null,
  message: null,
});
const refused = {
  agent: 'web-2',
  outcome: 'refused',
  command: null,
  run: null,
  code: 'task-not-listed',
  message: 'web-2 has no task backup',
};
const orderedAre =
  (...results: readonly object[]): Handler =>
  () => ({ status: 202, value: { results, unfinished: null } });

/** One after the other; the last one stays. */
function runsAre(...runs: readonly Run[]): Handler {
  let asked = 0;
  return () => {
    const value = runs[Math.min(asked, runs.length - 1)];
    asked += 1;
    return { status: 200, value };
  };
}

const record = (position: number, stream: string, text: string) => ({
  position,
  agent: 'web-1',
  atMs: 1_700_000_000_000,
  receivedMs: 1_700_000_000_000,
  kind: 'record',
  task: 'backup',
  run: RUN.run,
  stream,
  content: Buffer.from(text).toString('base64'),
});

/** All of one agent's rows after a position, as a coordinator gives them. */
const outputIs =
  (...rows: readonly ReturnType<typeof record>[]): Handler =>
  (_body, query) => {
    const after = Number(query.get('after') ?? 0);
    const found = rows.filter(({ position }) => position > after);
    const next = rows.at(-1)?.position ?? after;
    return { status: 200, value: { rows: found, next, from: 1 } };
  };

const RUN_ROUTE = `GET /v1/agents/web-1/runs/${ID}%2F1`;

function moult(coordinator: FakeCoordinator, ...args: readonly string[]) {
  return runMoult([...args, '--url', coordinator.url, '--token', 'x']);
}

describe('moult tasks run', () => {
  it('orders with parameters and a key, and says of each agent what became of it', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/tasks': orderedAre(ordered('web-1'), refused),
    });
    const ended = await moult(
      coordinator,
      ...['tasks', 'run', 'group=eu', 'backup', '-p', 'target=tape', '--param', 'note=a=b'],
      ...['--why', 'before the move', '--key', 'k1'],
    );
    expect(coordinator.bodies).toEqual([
      {
        select: 'group=eu',
        task: 'backup',
        parameters: [
          { name: 'target', value: 'tape' },
          { name: 'note', value: 'a=b' },
        ],
        why: 'before the move',
        key: 'k1',
      },
    ]);
    expect(ended.out).toBe(
      `web-1: backup waiting for host: the agent is paused (paused) (moult tasks show ${ID}/1)\n` +
        '1 of 2 ordered: `moult tasks runs --task backup` shows them\n',
    );
    expect(ended.err).toBe('web-2: refused: web-2 has no task backup (task-not-listed)\n');
    expect(ended.exitCode).toBe(6);
  });

  it('ends with an error and its remedy where the only agent refuses', async () => {
    await using coordinator = await startCoordinator({ 'POST /v1/tasks': orderedAre(refused) });
    const ended = await moult(coordinator, 'tasks', 'run', 'web-2', 'backup', '--wait');
    expect(ended.err).toMatch(
      /^error: web-2 has no task backup\nnext: See what the host offers.+\ncode: task-not-listed\n$/,
    );
    expect(ended).toMatchObject({ exitCode: 1, out: '' });
  });

  it('says with what key it can be repeated when the answer is lost', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/tasks': () => problemOf(503, 'coordinator-unreachable', 'not now'),
    });
    const ended = await moult(coordinator, 'tasks', 'run', 'web-1', 'backup');
    expect(ended.err).toMatch(/Run the same command again with --key \w+: it orders nothing twice/);
  });

  it('wants NAME=VALUE for a parameter', async () => {
    const ended = await runMoult(['tasks', 'run', 'web-1', 'backup', '-p', 'target']);
    expect(ended).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('Give a parameter as NAME=VALUE.'),
    });
  });
});

describe('moult tasks run --wait', () => {
  it('shows for what it waits, what is written where it belongs, and the end', async () => {
    const rows = [
      record(7, 'stdout', 'one\n'),
      record(9, 'stderr', 'a warning\n'),
      record(10, 'result', '{"tables":12}\n'),
      record(12, 'stdout', 'two'),
    ];
    await using coordinator = await startCoordinator({
      'POST /v1/tasks': orderedAre(ordered('web-1')),
      [RUN_ROUTE]: runsAre(WAITING, { ...RUN, state: 'running', endedMs: null }, RUN),
      'GET /v1/output': outputIs(...rows),
    });
    const ended = await moult(coordinator, 'tasks', 'run', 'web-1', 'backup', '--wait');
    expect(ended.out).toBe('one\ntwo');
    expect(ended.err).toBe(
      'step web-1: waiting for host: the agent is paused (paused)\n' +
        'step web-1: running\n' +
        'a warning\n' +
        '2023-11-14 22:13:20 backup result | {"tables":12}\n' +
        'step web-1: backup succeeded in 12.3 s\n',
    );
    expect(ended.exitCode).toBe(0);
  });

  it('goes on when the coordinator was away, and shows nothing twice', async () => {
    let asked = 0;
    await using coordinator = await startCoordinator({
      'POST /v1/tasks': orderedAre(ordered('web-1')),
      [RUN_ROUTE]: () => {
        asked += 1;
        // A client asks twice more by itself.
        if (asked >= 2 && asked <= 4)
          return problemOf(503, 'coordinator-unreachable', 'it restarts');
        return {
          status: 200,
          value: asked < 6 ? { ...RUN, state: 'running', endedMs: null } : RUN,
        };
      },
      'GET /v1/output': outputIs(record(7, 'stdout', 'once\n')),
    });
    const ended = await moult(coordinator, 'tasks', 'run', 'web-1', 'backup', '--wait');
    expect(ended.err).toContain('step the coordinator cannot be asked just now');
    expect(ended).toMatchObject({ exitCode: 0, out: 'once\n' });
  });

  it('ends with 1, the exit code and what to do when the task failed', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/tasks': orderedAre(ordered('web-1')),
      [RUN_ROUTE]: runsAre(FAILED),
      'GET /v1/output': outputIs(),
    });
    const ended = await moult(coordinator, 'tasks', 'run', 'web-1', 'backup', '--wait');
    expect(ended.err).toBe(
      'error: web-1: backup failed after 12.3 s, exit code 3 (task-exited)\n' +
        `next: See what it wrote: \`moult output web-1 --run ${ID}/1\`.\n` +
        'code: task-not-done\n',
    );
    expect(ended.exitCode).toBe(1);
  });

  it('of many shows each end, and with -o json the runs', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/tasks': orderedAre(ordered('web-1'), ordered('web-3')),
      [RUN_ROUTE]: runsAre(FAILED),
      [`GET /v1/agents/web-3/runs/${ID}%2F1`]: runsAre({ ...RUN, agent: 'web-3' }),
    });
    const args = ['tasks', 'run', 'group=eu', 'backup', '--wait'];
    const ended = await moult(coordinator, ...args);
    expect(ended).toMatchObject({ exitCode: 1, out: '' });
    expect(ended.err).toContain('step web-1: backup failed after 12.3 s, exit code 3');
    expect(ended.err).toContain('step web-3: backup succeeded in 12.3 s\n');
    const json = await moult(coordinator, ...args, '-o', 'json');
    expect(JSON.parse(json.out)).toEqual({ runs: [FAILED, { ...RUN, agent: 'web-3' }] });
  });

  it('ends with 3 when the time is over, and says that it goes on', async () => {
    await using coordinator = await startCoordinator({
      'POST /v1/tasks': orderedAre(ordered('web-1')),
      [RUN_ROUTE]: runsAre(WAITING),
    });
    const ended = await moult(
      coordinator,
      ...['tasks', 'run', 'web-1', 'backup', '--wait', '--timeout', '1ms'],
    );
    expect(ended.exitCode).toBe(3);
    expect(ended.err).toContain(`It goes on: \`moult tasks show ${ID}/1\``);
  });
});

describe('moult tasks list, runs, show and cancel', () => {
  it('list what hosts offer', async () => {
    await using coordinator = await startCoordinator({
      'GET /v1/tasks': () => ({
        status: 200,
        value: {
          tasks: [
            {
              name: 'backup',
              description: 'Copies the database away\u001b[31m',
              parameters: ['target', 'level'],
              schedule: { cron: '0 3 * * *', timeZone: 'Europe/Berlin' },
              agents: 2,
              isUniform: false,
            },
          ],
          next: null,
        },
      }),
    });
    const ended = await moult(coordinator, 'tasks', 'list');
    expect(ended.out).toBe(
      'TASK           AGENTS  PARAMETERS     SCHEDULE                   DESCRIPTION\n' +
        'backup  2 (not alike)  target, level  0 3 * * * (Europe/Berlin)  Copies the database away\n',
    );
  });

  it('show runs with their state, and one with all that is known of it', async () => {
    await using coordinator = await startCoordinator({
      'GET /v1/runs': () => ({ status: 200, value: { runs: [WAITING, FAILED], next: null } }),
      [`GET /v1/commands/${ID}`]: () => ({
        status: 200,
        value: { command: COMMAND, attempts: [] },
      }),
      [RUN_ROUTE]: runsAre({ ...FAILED, droppedBytes: 1_024, starts: 2 }),
    });
    const runs = await moult(coordinator, 'tasks', 'runs', 'web-1', '--open');
    expect(runs.out).toContain('waiting for host: the agent is paused (paused)  -');
    expect(runs.out).toContain('failed (task-exited)');
    const show = await moult(coordinator, 'tasks', 'show', ID, '--exit-code');
    expect(show.out).toMatch(/^parameters: +target=tape$/m);
    expect(show.out).toMatch(/^exit code: +3$/m);
    expect(show.out).toMatch(/^next: +See what it wrote/m);
    expect(show.out).toMatch(/^started: .+, begun 2 times: its agent ended while it ran$/m);
    expect(show.out).toMatch(/^wrote: +2.0 KiB, 1.0 KiB beyond its output-limit are gone$/m);
    expect(show.out).toMatch(/^see it: +moult output web-1 --run 01kq3v8m6t5n9y2x\/1$/m);
    expect(show.exitCode).toBe(1);
  });

  it('want the agent for a run of a schedule, which has no order to take back', async () => {
    await using coordinator = await startCoordinator({
      'GET /v1/agents/web-1/runs/%40backup%2F1700000000000': runsAre({
        ...RUN,
        run: '@backup/1700000000000',
        commandId: null,
      }),
    });
    const run = '@backup/1700000000000';
    const without = await moult(coordinator, 'tasks', 'show', run);
    expect(without).toMatchObject({ exitCode: 2, err: expect.stringContaining('--agent AGENT') });
    const show = await moult(coordinator, 'tasks', 'show', run, '--agent', 'web-1');
    expect(show.out).toContain('by its schedule');
    expect((await moult(coordinator, 'tasks', 'cancel', run)).exitCode).toBe(2);
  });

  it('take back what runs, by the id of the run or of its command', async () => {
    await using coordinator = await startCoordinator({
      [`POST /v1/commands/${ID}/revoke`]: () => ({
        status: 200,
        value: { command: { ...COMMAND, state: 'revoked' }, effect: 'ending' },
      }),
    });
    const ended = await moult(coordinator, 'tasks', 'cancel', `${ID}/1`, '--why', 'wrong day');
    expect(coordinator.bodies).toEqual([{ why: 'wrong day' }]);
    expect(ended).toMatchObject({
      exitCode: 0,
      out: 'web-1: task backup: revoked; it runs, and its host asks it to end, then makes it\n',
    });
  });
});

describe('moult why', () => {
  it('says of tasks that wait for what they do, beside what is said of versions', async () => {
    const paused = {
      agent: 'web-1',
      component: 'agent',
      task: 'backup',
      commandId: ID,
      reason: 'paused',
      text: 'the agent is paused',
      detail: null,
      freedBy: 'moult agents resume web-1',
      isWaitingForHost: true,
    };
    await using coordinator = await startCoordinator({
      'GET /v1/why': () => ({ status: 200, value: { reasons: [paused], agents: 2, next: null } }),
    });
    expect((await moult(coordinator, 'why')).out).toMatch(
      /^web-1 +task backup +paused +the agent is paused \(waiting for host\) +moult agents resume web-1$/m,
    );
  });
});
