import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, startTimeOf } from '@moult/core/boot';
import { afterEach, describe, expect, test } from 'vitest';
import { settle } from '../../../test/support/manual-clock.ts';
import type { TaskRunRow } from '../src/database/index.ts';
import { bootLive, ended, endOf, grantsAll, order, takeBack } from './support/driving.ts';
import { type Booted, components, NEW, OLD, TestHost } from './support/host.ts';
import { listTasks, overOf, runTask, said, shell, when, written } from './support/tasks.ts';

const booted: Booted[] = [];
afterEach(async () => {
  for (const agent of booted.splice(0)) agent.stop();
});

async function up(host: TestHost): Promise<Booted> {
  const agent = await bootLive(host);
  booted.push(agent);
  return agent;
}

function row(more: Partial<TaskRunRow>): TaskRunRow {
  const usual = { run: 'c1/1', task: 'job', commandId: 'c1', attempt: 1, parameters: [] };
  return { ...usual, starts: 1, startedMs: 1_000, leader: null, ...more };
}

/** What an agent leaves that was killed while a run was under way. */
function crashedWith(host: TestHost, left: Partial<TaskRunRow>): void {
  const store = host.store();
  const { commandId, attempt, task, run, leader } = row(left);
  const command = { commandId, attempt, notAfterMs: 2e12, generation: 1, position: 1 };
  store.inbox.store([{ ...command, task: { name: task, parameters: [] } }]);
  store.taskRuns.due(row(left));
  if (leader !== null) store.taskRuns.led(run, leader);
  store.close();
}

function progressOf(host: TestHost, commandId: string): readonly string[] {
  return host.coordinator
    .of('progress')
    .filter((one) => one.commandId === commandId)
    .map(({ step, holdReason }) => `${step} ${holdReason}`.trim());
}

describe('K8: a run that a crash cut off', () => {
  test('ends as outcome-unknown, after what is left of its program was ended', async () => {
    const host = new TestHost();
    listTasks(host, { job: shell('exit 0') });
    const group = spawn('sh', ['-c', 'sleep 600 & wait'], { detached: true, stdio: 'ignore' });
    const orphan = spawn('sleep', ['600'], { env: { MOULT_RUN: 'c1/1' }, stdio: 'ignore' });
    const other = spawn('sleep', ['600'], { env: { MOULT_RUN: 'c1/11' }, stdio: 'ignore' });
    const [pid = 0] = [group.pid];
    const startTime = startTimeOf(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? '';
    crashedWith(host, { leader: { pid, startTime, bootId: 'boot-1' } });
    await up(host);
    while (!said(host).some(({ endedMs }) => endedMs > 0)) await host.clock.advance(50);
    const { run, finish } = await overOf(host, 'c1');
    expect(run).toMatchObject({
      outcome: 'failed',
      code: 'outcome-unknown',
      starts: 1,
      exitCode: -1,
    });
    expect(finish).toMatchObject({ outcome: 'failed', code: 'outcome-unknown' });
    await when(() => group.signalCode === 'SIGKILL' && orphan.signalCode === 'SIGKILL');
    expect(other.signalCode).toBe(null);
    other.kill('SIGKILL');
    expect(host.store().taskRuns.list()).toEqual([]);
  });

  test('is begun again where its task may be, three times in all', async () => {
    const host = new TestHost();
    listTasks(host, { job: shell('exit 0', 'idempotent: true') });
    crashedWith(host, { starts: 2 });
    crashedWith(host, { starts: 3, run: 'c2/1', commandId: 'c2' });
    await up(host);
    expect((await overOf(host, 'c1')).run).toMatchObject({ outcome: 'succeeded', starts: 3 });
    expect((await overOf(host, 'c2')).run).toMatchObject({ code: 'outcome-unknown', starts: 3 });
  });

  test('is not begun again when it was taken back, or its command has ended otherwise', async () => {
    const host = new TestHost();
    listTasks(host, { job: shell('exit 0', 'idempotent: true') });
    crashedWith(host, {});
    const store = host.store();
    store.condition.write({ isPaused: true, failedUpgrade: null });
    store.taskRuns.due(row({ run: 'gone/1', commandId: 'gone' }));
    store.close();
    await up(host);
    await when(() => progressOf(host, 'c1').includes('waiting paused'));
    takeBack(host, 'c1');
    expect((await overOf(host, 'c1')).finish).toMatchObject({ code: 'task-cancelled' });
    expect(said(host).find(({ run }) => run === 'gone/1')).toMatchObject({
      code: 'outcome-unknown',
    });
    expect(host.store().taskRuns.list()).toEqual([]);
  });
});

describe('K13: a process that is stopped', () => {
  test('asks what runs to end, and kills what does not', async () => {
    const host = new TestHost();
    listTasks(host, {
      polite: shell('trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.02; done'),
      deaf: shell('trap "" TERM; echo ready; while :; do sleep 0.02; done'),
    });
    const agent = await up(host);
    for (const name of ['polite', 'deaf']) runTask(host, name);
    await when(() => ['polite/1', 'deaf/1'].every((run) => written(host, run).length > 0));
    agent.stop();
    const { taskRuns } = host.store();
    await when(
      () =>
        taskRuns
          .list()
          .map(({ task }) => task)
          .join() === 'deaf',
    );
    expect(agent.exit).toBe(undefined);
    await host.clock.advance(15_000);
    await when(() => agent.exit !== undefined);
    await up(host);
    expect((await overOf(host, 'polite')).finish).toMatchObject({ code: 'task-cut-short' });
    expect((await overOf(host, 'deaf')).run).toMatchObject({
      code: 'task-cut-short',
      signal: 'SIGKILL',
    });
    expect(written(host, 'polite/1').toString()).toBe('ready\nbye\n');
  });
});

/** Time in which the coordinator pings. */
async function passing(host: TestHost, isTrue: () => boolean): Promise<void> {
  for (let id = 1; !isTrue(); id++) {
    host.coordinator.last.send({ kind: 'ping', message: { id } });
    await host.clock.advance(500);
  }
}

describe('K12: an upgrade of a busy host', () => {
  const waits = (gate: string) => shell(`until [ -e ${gate} ]; do sleep 0.02; done`);

  test('waits until its tasks are over; what comes meanwhile runs after it', async () => {
    const host = new TestHost();
    const gate = join(host.dir, 'gate');
    listTasks(host, { long: waits(gate), late: shell('exit 0') });
    const agent = await up(host);
    grantsAll(host);
    runTask(host, 'long');
    await when(() => said(host).length === 1);
    order(host);
    await when(() => progressOf(host, 'command-1').includes('draining busy'));
    await host.clock.advance(300);
    expect(host.coordinator.of('report').at(-1)).toMatchObject({
      state: 'Upgrading',
      marks: ['busy'],
      isIdle: false,
    });
    runTask(host, 'late');
    await when(() => progressOf(host, 'late').includes('waiting upgrading'));
    await host.clock.advance(30_000);
    expect(host.coordinator.of('permission').map(({ point }) => point)).toEqual(['drain']);
    writeFileSync(gate, '');
    await when(() => agent.exit !== undefined);
    await ended(agent);
    expect(agent.exit).toBe(EXIT.bootRecorded);
    expect(said(host).some(({ task }) => task === 'late')).toBe(false);
    expect(
      host
        .store()
        .inbox.waiting()
        .map(({ commandId }) => commandId),
    ).toContain('late');
  });

  test('has them end after the drain limit', async () => {
    const host = new TestHost();
    host.drainLimitMs = 600_000;
    const path = join(host.dir, 'asked');
    listTasks(host, {
      deaf: shell(`trap "touch ${path}" TERM; echo ready; while :; do sleep 0.02; done`),
    });
    const agent = await up(host);
    grantsAll(host);
    runTask(host, 'deaf');
    await when(() => written(host, 'deaf/1').length > 0);
    order(host);
    await when(() => progressOf(host, 'command-1').includes('draining busy'));
    await host.clock.advance(599_000);
    await settle();
    expect(existsSync(path)).toBe(false);
    await host.clock.advance(2_000);
    await when(() => existsSync(path));
    await host.clock.advance(60_000);
    await when(() => agent.exit !== undefined);
    const store = host.store();
    expect(store.taskRuns.list()).toEqual([]);
    expect(agent.exit).toBe(EXIT.bootRecorded);
  });

  test('goes back to work without the last permission, and when it is revoked', async () => {
    const host = new TestHost();
    const gate = join(host.dir, 'gate');
    listTasks(host, { long: waits(gate), late: shell('exit 0') });
    await up(host);
    host.coordinator.onFrame = (frame, session) => {
      if (frame.kind !== 'permission' || frame.message.point !== 'drain') return false;
      session.send({ kind: 'granted', message: frame.message });
      return true;
    };
    order(host);
    await when(() => host.coordinator.of('permission').some(({ point }) => point === 'switch'));
    runTask(host, 'late');
    await when(() => progressOf(host, 'late').includes('waiting upgrading'));
    await passing(host, () => said(host).some(({ task }) => task === 'late'));
    expect((await overOf(host, 'late')).finish.outcome).toBe('succeeded');
    runTask(host, 'long');
    await passing(host, () => said(host).some(({ task }) => task === 'long'));
    await passing(host, () => progressOf(host, 'command-1').includes('draining busy'));
    runTask(host, 'late', { commandId: 'late-2' });
    await when(() => progressOf(host, 'late-2').includes('waiting upgrading'));
    takeBack(host);
    expect((await endOf(host)).outcome).toBe('denied');
    expect((await overOf(host, 'late-2')).finish.outcome).toBe('succeeded');
    writeFileSync(gate, '');
    expect((await overOf(host, 'long')).finish.outcome).toBe('succeeded');
  });
});

test('K14: in a probation whose world is broken tasks run, also in the process after the next', async () => {
  const host = new TestHost();
  listTasks(host, { nightly: shell('exit 0', 'schedule: "0 3 * * *"') });
  await bootLive(host);
  grantsAll(host);
  order(host);
  await when(() => host.store().upgradeRecord.load(components()).kind === 'switching');
  host.coordinator.isReachable = false;
  const trialled = { committed: OLD, previous: null, trialAttemptId: 'command-1/1', refused: [] };
  const onTrial = { slot: NEW, components: components({ agent: trialled }) };
  const { taskRuns } = host.store();
  const due = async () => {
    await when(() => host.schedules.length === 2);
    host.schedules[1]?.work();
    await settle();
  };
  host.schedules.splice(0);
  const first = host.boot(onTrial);
  await due();
  expect(taskRuns.list()).toMatchObject([{ starts: 0 }]);
  first.launcher.say({ kind: 'probed', version: '1.0.0', reached: false });
  await when(() => taskRuns.list().length === 0);
  first.stop();
  await first.ended;
  const second = host.boot(onTrial);
  booted.push(second);
  await due();
  await when(() => taskRuns.list().length === 0);
});

test('T24 K4 K7: a full disk holds tasks up, and loses nothing of them', async () => {
  const host = new TestHost();
  const path = join(host.dir, 'go');
  let isFull = false;
  const failing =
    <A extends unknown[], R>(write: (...given: A) => R) =>
    (...given: A): R => {
      if (isFull) throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
      return write(...given);
    };
  host.adjust = (ports) => ({
    ...ports,
    openStore: () => {
      const store = ports.openStore();
      const { started, over } = store.taskRuns;
      const outbox = new Proxy(store.outbox, {
        get: (target, name) => {
          const found: unknown = Reflect.get(target, name);
          if (typeof found !== 'function') return found;
          const write = found.bind(target);
          return name === 'appendAll' ? failing(write) : write;
        },
      });
      const taskRuns = { ...store.taskRuns, started: failing(started), over: failing(over) };
      return { ...store, outbox, taskRuns };
    },
  });
  listTasks(host, { writes: shell(`until [ -e ${path} ]; do sleep 0.02; done; echo all of it`) });
  await up(host);
  isFull = true;
  runTask(host, 'writes');
  await host.clock.advance(6_000);
  expect(said(host)).toEqual([]);
  isFull = false;
  while (said(host).length === 0) await host.clock.advance(1_000);
  isFull = true;
  writeFileSync(path, '');
  await host.clock.advance(5_000);
  expect(said(host)).toHaveLength(1);
  isFull = false;
  while (said(host).length === 1) await host.clock.advance(500);
  expect((await overOf(host, 'writes')).run).toMatchObject({
    outcome: 'succeeded',
    droppedBytes: 0,
  });
  expect(written(host, 'writes/1').toString()).toBe('all of it\n');
});
