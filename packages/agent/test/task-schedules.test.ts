import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { settle } from '../../../test/support/manual-clock.ts';
import { bootLive, control, ended, endOf } from './support/driving.ts';
import { type Booted, TestHost } from './support/host.ts';
import { listTasks, overOf, runTask, said, shell, when } from './support/tasks.ts';

const booted: Booted[] = [];
afterEach(async () => {
  for (const agent of booted.splice(0)) agent.stop();
});

async function up(host: TestHost): Promise<Booted> {
  const agent = await bootLive(host);
  booted.push(agent);
  return agent;
}

const DAILY = 'schedule: "0 3 * * *"';

/** As the timetable does when it is time. */
function due(host: TestHost, expression = '0 3 * * *'): void {
  for (const { work } of host.schedules.filter((one) => one.expression === expression)) work();
}

async function offers(
  host: TestHost,
  isTrue: (names: readonly string[]) => boolean,
): Promise<void> {
  const names = () =>
    host.coordinator
      .of('report')
      .at(-1)
      ?.tasks.map(({ name }) => name) ?? [];
  while (!isTrue(names())) await host.clock.advance(1_000);
}

function trouble(host: TestHost): string {
  return host.coordinator.of('report').at(-1)?.configurationTrouble ?? '';
}

describe('K10: a schedule', () => {
  test('runs its task, also while there is no session, and says so later', async () => {
    const host = new TestHost();
    listTasks(host, { nightly: shell('exit 0', DAILY, 'time-zone: Europe/Berlin') });
    await up(host);
    await when(() => host.schedules.length === 2);
    expect(host.schedules[1]).toMatchObject({ expression: '0 3 * * *', timeZone: 'Europe/Berlin' });
    host.coordinator.isReachable = false;
    host.coordinator.last.drop();
    due(host);
    await when(() => host.store().taskRuns.list().length === 0);
    host.coordinator.isReachable = true;
    await host.clock.advance(120_000);
    await when(() => said(host).length === 2);
    const [begun, over] = said(host);
    expect(begun?.run).toMatch(/^@nightly\/\d+$/);
    expect(over).toMatchObject({ run: begun?.run, commandId: '', outcome: 'succeeded' });
  });

  test('that is always due leaves out what it cannot run, and says so once', async () => {
    const host = new TestHost();
    const warned: string[] = [];
    host.log = { ...host.log, warn: (message) => void warned.push(message) };
    const gate = join(host.dir, 'gate');
    listTasks(host, {
      often: shell(`until [ -e ${gate} ]; do sleep 0.02; done`, 'schedule: "* * * * * *"'),
    });
    await up(host);
    await when(() => host.schedules.length === 2);
    for (let second = 0; second < 20; second++) {
      due(host, '* * * * * *');
      await host.clock.advance(1_000);
    }
    expect(said(host)).toHaveLength(1);
    expect(warned.filter((line) => line.includes('left out'))).toHaveLength(1);
    writeFileSync(gate, '');
    await when(() => said(host).length === 2);
    due(host, '* * * * * *');
    await when(() => said(host).length === 4);
    expect(warned.at(-1)).toBe('runs of a schedule were left out');
  });

  test('due while paused waits, in the journal, and is run by the process that comes next', async () => {
    const host = new TestHost();
    listTasks(host, { nightly: shell('exit 0', DAILY) });
    const agent = await up(host);
    await when(() => host.schedules.length === 2);
    control(host, 'pause');
    await endOf(host, 'pause');
    due(host);
    due(host);
    await settle();
    expect(host.store().taskRuns.list()).toMatchObject([{ task: 'nightly', starts: 0 }]);
    agent.stop();
    await ended(agent);
    await up(host);
    control(host, 'resume');
    await when(() => said(host).some(({ outcome }) => outcome === 'succeeded'));
    expect(new Set(said(host).map(({ run }) => run)).size).toBe(1);
  });
});

describe('K1: the list of tasks', () => {
  test('is followed when it changes, and a bad one leaves the last good one in use', async () => {
    const host = new TestHost();
    listTasks(host, { one: shell('exit 0', DAILY) });
    await up(host);
    await offers(host, (names) => names.join() === 'one');
    listTasks(host, { one: shell('exit 0', DAILY), two: shell('exit 0') });
    await offers(host, (names) => names.join() === 'one,two');
    writeFileSync(host.tasksPath, 'tasks: [nonsense');
    while (trouble(host) === '') await host.clock.advance(1_000);
    expect(trouble(host)).toMatch(/^tasks-file-invalid: tasks.yaml is not YAML/);
    runTask(host, 'two');
    expect((await overOf(host, 'two')).finish.outcome).toBe('succeeded');
    listTasks(host, {
      one: shell('exit 0', 'schedule: "0 0 30 2 *"', 'time-zone: Mars'),
      two: '    program: x\n',
    });
    while (!trouble(host).includes('absolute')) await host.clock.advance(1_000);
    listTasks(host, { one: shell('exit 0', 'schedule: "0 0 30 2 *"') });
    while (!trouble(host).includes('impossible')) await host.clock.advance(1_000);
    expect(
      host.coordinator
        .of('report')
        .at(-1)
        ?.tasks.map(({ name }) => name),
    ).toEqual(['one', 'two']);
    expect(host.stopped).toEqual([]);
    rmSync(host.tasksPath);
    await offers(host, (names) => names.length === 0);
    expect(trouble(host)).toBe('');
    expect(host.stopped).toEqual(['0 3 * * *']);
  });

  test('that is bad when the agent starts allows nothing, and says why', async () => {
    const host = new TestHost();
    writeFileSync(host.tasksPath, 'tasks: { one: { program: relative } }');
    await up(host);
    while (trouble(host) === '') await host.clock.advance(1_000);
    runTask(host, 'one');
    expect(await endOf(host, 'one')).toMatchObject({ code: 'tasks-file-invalid' });
    rmSync(host.tasksPath);
    while (trouble(host) !== '') await host.clock.advance(1_000);
    runTask(host, 'one', { commandId: 'again' });
    expect(await endOf(host, 'again')).toMatchObject({ code: 'task-not-listed' });
  });

  test('T29: that anybody may write is not used until that is mended', async () => {
    const host = new TestHost();
    listTasks(host, { one: shell('exit 0') });
    chmodSync(host.tasksPath, 0o666);
    await up(host);
    while (!trouble(host).includes('chmod o-w')) await host.clock.advance(1_000);
    runTask(host, 'one');
    expect(await endOf(host, 'one')).toMatchObject({ code: 'tasks-file-invalid' });
    chmodSync(host.tasksPath, 0o644);
    await offers(host, (names) => names.join() === 'one');
    expect(trouble(host)).toBe('');
  });
});
