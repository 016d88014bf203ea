import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '@moult/core/boot';
import { afterEach, describe, expect, test } from 'vitest';
import { settle } from '../../../test/support/manual-clock.ts';
import { bootLive, control, ended, endOf, finishes, takeBack } from './support/driving.ts';
import { type Booted, TestHost } from './support/host.ts';
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

/** Said of a run that has not ended. */
async function running(host: TestHost, run: string): Promise<void> {
  await when(() => said(host).some((one) => one.run === run && one.endedMs === 0));
}

function progressOf(host: TestHost, commandId: string): readonly string[] {
  return host.coordinator
    .of('progress')
    .filter((one) => one.commandId === commandId)
    .map(({ step, holdReason }) => `${step} ${holdReason}`.trim());
}

describe('a task that is ordered', () => {
  test('K4: runs, and what it did is told before its end', async () => {
    const host = new TestHost();
    listTasks(host, { greet: shell('echo hello; echo oops >&2; echo "{}" >&3') });
    await up(host);
    runTask(host, 'greet', { commandId: 'c1' });
    const { run, finish } = await overOf(host, 'c1');
    expect(run).toMatchObject({
      run: 'c1/1',
      task: 'greet',
      outcome: 'succeeded',
      exitCode: 0,
      code: '',
      outputBytes: 14,
      droppedBytes: 0,
      starts: 1,
    });
    expect(finish).toMatchObject({ outcome: 'succeeded', code: '' });
    expect(written(host, 'c1/1').toString()).toBe('hello\n');
    expect(written(host, 'c1/1', 'stderr').toString()).toBe('oops\n');
    expect(written(host, 'c1/1', 'result').toString()).toBe('{}\n');
    const kinds = host.coordinator.received.flatMap(({ items }) => items).map(({ item }) => item);
    expect(kinds).toEqual(['taskRun', 'record', 'record', 'record', 'taskRun', 'finish']);
    expect(progressOf(host, 'c1')).toEqual(['running']);
    expect(host.store().taskRuns.list()).toEqual([]);
  });

  test('K3 T29: that is not listed, or whose parameters are none, ends without a run', async () => {
    const host = new TestHost();
    listTasks(host, {
      greet: shell('exit 0', 'parameters: { level: { kind: integer, min: 1, max: 9 } }'),
    });
    await up(host);
    runTask(host, 'nothing');
    expect(await endOf(host, 'nothing')).toMatchObject({ code: 'task-not-listed' });
    runTask(host, 'greet', { commandId: 'c1' });
    expect(await endOf(host, 'c1')).toMatchObject({ code: 'task-parameters-invalid' });
    runTask(host, 'greet', { commandId: 'c2', parameters: { level: '10' } });
    expect((await endOf(host, 'c2')).message).toContain('level is not within 1 to 9');
    expect(said(host)).toEqual([]);
  });

  test('whose program is not there, or fails, or is killed, says so', async () => {
    const host = new TestHost();
    listTasks(host, {
      missing: '    program: /nowhere/at-all\n',
      fails: shell('exit 3'),
      killed: shell('kill -9 $$'),
    });
    await up(host);
    for (const name of ['missing', 'fails', 'killed']) runTask(host, name);
    const missing = await overOf(host, 'missing');
    expect(missing.finish).toMatchObject({ outcome: 'failed', code: 'task-not-started' });
    expect(missing.finish.message).toContain('ENOENT');
    expect((await overOf(host, 'fails')).run).toMatchObject({ code: 'task-exited', exitCode: 3 });
    const killed = await overOf(host, 'killed');
    expect(killed.run).toMatchObject({ code: 'task-killed', signal: 'SIGKILL', exitCode: -1 });
  });

  test('K2 T29: gets its arguments as they are, no input, and few variables', async () => {
    const host = new TestHost();
    const script = 'printf "%s|" "$@"; cat; env | sort; pwd';
    const args = JSON.stringify(['-c', script, 'sh', '{value}', 'a b']);
    listTasks(host, {
      shows: [
        '    program: /bin/sh',
        `    arguments: ${args}`,
        '    parameters: { value: {} }',
        '    environment: { GREETING: hello }\n',
      ].join('\n'),
    });
    await up(host);
    runTask(host, 'shows', { parameters: { value: '$(id); "x" {y}' } });
    await overOf(host, 'shows');
    const lines = written(host, 'shows/1').toString().split('\n');
    expect(lines[0]).toMatch(/^\$\(id\); "x" \{y\}\|a b\|/);
    const names = lines.flatMap((line) => /([A-Za-z_]+)=/.exec(line)?.[1] ?? []);
    const own = ['GREETING', 'MOULT_OUTPUT_SOCKET', 'MOULT_RUN', 'MOULT_TASK'];
    expect(names).toEqual(expect.arrayContaining(own));
    const usual = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NO_COLOR'];
    // The shell itself adds the latter.
    const allowed = [...own, ...usual, 'PWD', 'OLDPWD', 'SHLVL', '_'];
    expect(names.filter((name) => !allowed.includes(name))).toEqual([]);
    expect(lines.at(-2)).toBe('/');
  });

  test('K5: waits for its turn, and says what for', async () => {
    const host = new TestHost();
    const gate = join(host.dir, 'gate');
    listTasks(host, {
      one: shell(`while [ ! -e ${gate} ]; do sleep 0.02; done`),
      other: shell('exit 0'),
    });
    await up(host);
    runTask(host, 'one', { commandId: 'a' });
    runTask(host, 'one', { commandId: 'b' });
    await running(host, 'a/1');
    runTask(host, 'other');
    await overOf(host, 'other');
    expect(said(host).some(({ run }) => run === 'b/1')).toBe(false);
    expect(progressOf(host, 'b')).toEqual(['waiting busy']);
    writeFileSync(gate, '');
    await overOf(host, 'b');
    expect(progressOf(host, 'b')).toEqual(['waiting busy', 'running']);
  });

  test('K6: does not start while the agent is paused, and one that runs goes on', async () => {
    const host = new TestHost();
    const gate = join(host.dir, 'gate');
    listTasks(host, {
      long: shell(`until [ -e ${gate} ]; do sleep 0.02; done`),
      late: shell('exit 0'),
    });
    await up(host);
    runTask(host, 'long');
    await running(host, 'long/1');
    control(host, 'pause');
    await endOf(host, 'pause');
    runTask(host, 'late');
    await when(() => progressOf(host, 'late').includes('waiting paused'));
    writeFileSync(gate, '');
    expect((await overOf(host, 'long')).finish.outcome).toBe('succeeded');
    expect(finishes(host).some(({ commandId }) => commandId === 'late')).toBe(false);
    control(host, 'resume');
    expect((await overOf(host, 'late')).finish.outcome).toBe('succeeded');
  });
});

describe('a program that misbehaves', () => {
  test('K7: is held up by the disk, and what is beyond its limit is dropped, counted, and does not end it', async () => {
    const host = new TestHost();
    listTasks(host, {
      floods: shell('head -c 3000000 /dev/zero; echo end >&2', 'output-limit: 64KiB'),
    });
    await up(host);
    runTask(host, 'floods');
    const { run } = await overOf(host, 'floods');
    expect(run.outcome).toBe('succeeded');
    expect(run.outputBytes).toBe(3_000_004);
    expect(run.droppedBytes).toBe(3_000_004 - 65_536);
    const kept = written(host, 'floods/1').length + written(host, 'floods/1', 'stderr').length;
    expect(kept).toBe(65_536);
  });

  test('K7: may write any bytes', async () => {
    const host = new TestHost();
    const bytes = Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 89) % 256));
    const path = join(host.dir, 'binary');
    writeFileSync(path, bytes);
    listTasks(host, { binary: shell(`cat ${path}`) });
    await up(host);
    runTask(host, 'binary');
    await overOf(host, 'binary');
    expect(written(host, 'binary/1').equals(bytes)).toBe(true);
  });

  test('K11: ends at its time limit, also when it ignores the signal', async () => {
    const host = new TestHost();
    listTasks(host, {
      deaf: shell('trap "" TERM; echo ready; while :; do sleep 0.05; done', 'time-limit: 10s'),
    });
    await up(host);
    runTask(host, 'deaf');
    await when(() => written(host, 'deaf/1').toString() === 'ready\n');
    await host.clock.advance(10_000);
    await settle();
    expect(said(host)).toHaveLength(1);
    await host.clock.advance(60_000);
    const { run } = await overOf(host, 'deaf');
    expect(run).toMatchObject({ code: 'task-timed-out', signal: 'SIGKILL' });
  });

  test('K11: leaves no children behind, and one that fled with its pipes holds nothing up', async () => {
    const host = new TestHost();
    const pids = join(host.dir, 'pids');
    // It has fled when it says so itself: before, it would be ended with its group.
    const fleeing = `setsid sh -c 'echo $$ >> ${pids}; exec sleep 600' &`;
    const left = `sleep 600 & echo $! >> ${pids}; ${fleeing} until [ $(wc -l < ${pids}) = 2 ]; do sleep 0.01; done`;
    listTasks(host, { parent: shell(`${left}; echo done`) });
    await up(host);
    runTask(host, 'parent');
    await running(host, 'parent/1');
    const pidsLeft = () =>
      existsSync(pids) ? readFileSync(pids, 'utf8').trim().split('\n').map(Number) : [];
    await when(() => pidsLeft().length === 2);
    const [inGroup = 0, fled = 0] = pidsLeft();
    await when(() => !isAlive(inGroup));
    // Its pipes are held open by what left the group: waited for a moment only.
    while (!said(host).some(({ endedMs }) => endedMs > 0)) await host.clock.advance(500);
    expect(written(host, 'parent/1').toString()).toBe('done\n');
    expect(isAlive(fled)).toBe(true);
    process.kill(fled, 'SIGKILL');
  });
});

describe('a run that is cancelled', () => {
  test('K11: is asked to end, once, however often the word comes', async () => {
    const host = new TestHost();
    listTasks(host, {
      slow: shell('trap "echo asked; exit 0" TERM; echo ready; while :; do sleep 0.02; done'),
    });
    await up(host);
    runTask(host, 'slow', { commandId: 'c1' });
    await when(() => written(host, 'c1/1').toString() === 'ready\n');
    takeBack(host, 'c1');
    takeBack(host, 'c1');
    const { run, finish } = await overOf(host, 'c1');
    takeBack(host, 'c1');
    await settle();
    expect(finish).toMatchObject({ outcome: 'failed', code: 'task-cancelled' });
    expect(run).toMatchObject({ outcome: 'failed', exitCode: 0 });
    expect(written(host, 'c1/1').toString()).toBe('ready\nasked\n');
    expect(finishes(host)).toHaveLength(1);
  });

  test('before its turn came, never runs', async () => {
    const host = new TestHost();
    listTasks(host, { slow: shell('while :; do sleep 0.02; done') });
    await up(host);
    runTask(host, 'slow', { commandId: 'a' });
    await running(host, 'a/1');
    runTask(host, 'slow', { commandId: 'b' });
    await when(() => progressOf(host, 'b').length > 0);
    takeBack(host, 'b');
    expect((await endOf(host, 'b')).outcome).toBe('denied');
    expect(said(host).some(({ run }) => run === 'b/1')).toBe(false);
  });
});

describe('A7: a restart', () => {
  test('waits for the task that runs, lets none start meanwhile, and may be taken back', async () => {
    const host = new TestHost();
    const gate = join(host.dir, 'gate');
    listTasks(host, {
      long: shell(`until [ -e ${gate} ]; do sleep 0.02; done`),
      quick: shell('exit 0'),
    });
    const agent = await up(host);
    runTask(host, 'long');
    await running(host, 'long/1');
    control(host, 'restart', 'r1');
    await when(() => progressOf(host, 'r1').includes('waiting busy'));
    runTask(host, 'quick', { commandId: 'q1' });
    await when(() => progressOf(host, 'q1').includes('waiting busy'));
    takeBack(host, 'r1');
    await overOf(host, 'q1');
    control(host, 'restart', 'r2');
    await when(() => progressOf(host, 'r2').includes('waiting busy'));
    runTask(host, 'quick', { commandId: 'q2' });
    writeFileSync(gate, '');
    await overOf(host, 'long');
    await ended(agent);
    expect(agent.exit).toBe(EXIT.restartSame);
    expect(said(host).some(({ run }) => run === 'q2/1')).toBe(false);
    await up(host);
    expect((await endOf(host, 'r2')).outcome).toBe('succeeded');
    expect((await overOf(host, 'q2')).finish.outcome).toBe('succeeded');
  });
});

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}
