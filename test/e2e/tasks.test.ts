/* Tasks as operators and owners of hosts see them: ordered, followed, refused, held, cancelled, through the real programs. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '@moult/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import type { Ran } from '../../scripts/fleet/program.ts';
import { until } from '../../scripts/fleet/until.ts';
import { expectClearFailure } from '../support/clear-failure.ts';
import { BAD, FIRST_AGENT, GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { allowTasks, shellTask, type Tasks, taskHost, whenOffered } from '../support/task-host.ts';

const [SECOND] = GOOD;
const CLI_MS = 120_000;
/** Three tries with their backoff, on a machine that may be slow. */
const JUDGED_MS = 120_000;

const SAY = shellTask('printf "%s\\n" "$1"; echo "about it" >&2; exit "$2"', {
  text: {},
  code: { kind: 'integer', min: 0, max: 99, default: 0 },
});
/** Runs until a file is there. */
const GATE = shellTask('echo begun; while [ ! -e "$1" ]; do sleep 0.05; done; echo over', {
  file: {},
});

let fleet: RealFleet;
beforeAll(async () => {
  fleet = await RealFleet.open('tasks');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

function moult(...args: readonly string[]): Promise<Ran> {
  return fleet.coordinator.moult(args, { timeoutMs: CLI_MS });
}

/** Ordered without waiting; its id. */
async function ordered(host: Host, task: string, ...args: readonly string[]): Promise<string> {
  const ran = await moult('tasks', 'run', host.name, task, ...args, '-o', 'json');
  expect(ran).toMatchObject({ code: 0 });
  return JSON.parse(ran.stdout).results[0].run;
}

async function whenRun(host: Host, run: string, what: string, isSo: (run: Run) => boolean) {
  let last: Run | null = null;
  return await until(
    `the run ${run} of ${host.name} ${what}`,
    async () => {
      const params = { name: host.name, run };
      last = await fleet.coordinator.client.getRun({ params });
      return isSo(last) ? last : null;
    },
    { timeoutMs: 60_000, detail: () => `${JSON.stringify(last)}\n${host.tail()}` },
  );
}

const isBegun = ({ startedMs }: Run): boolean => startedMs !== null;
const isOver = ({ endedMs }: Run): boolean => endedMs !== null;

/** A file that is not there yet, and what opens the gate that waits for it. */
function gateOf(host: Host, name: string) {
  const path = join(host.root, name);
  return { param: `file=${path}`, open: () => writeFile(path, '') };
}

async function runsOf(host: Host, state: 'open' | 'ended'): Promise<readonly Run[]> {
  const query = { agent: host.name, state, limit: 200 };
  return (await fleet.coordinator.client.listRuns({ query })).runs;
}

// Each on hosts of its own: side by side they take as long as one.
describe.concurrent('side by side', () => {
  test('H5: a task runs with what was given, its output comes as it was written, and its end has a code and an exit code', async () => {
    const tasks: Tasks = {
      say: SAY,
      'too-long': shellTask('sleep 600', {}, { 'time-limit': '1s' }),
      missing: { program: '/nonexistent/program' },
    };
    const host = await taskHost(fleet, 'runs', tasks);
    const run = ['tasks', 'run', host.name];
    const text = 'a  b; $(id) `id` {text}';
    const well = await moult(...run, 'say', '--param', `text=${text}`, '--wait');
    expect(well).toMatchObject({ code: 0, stdout: `${text}\n` });
    expect(well.stderr).toContain('about it\n');
    expect(well.stderr).toMatch(/say succeeded in /);
    const badly = await moult(...run, 'say', '-p', 'text=x', '-p', 'code=3', '--wait');
    expect(badly).toMatchObject({ code: 1, stdout: 'x\n' });
    expect(badly.stderr).toMatch(
      /^error: .+exit code 3 \(task-exited\)\nnext: .+\ncode: task-not-done$/m,
    );
    const late = await moult(...run, 'too-long', '--wait');
    expectClearFailure(late, { code: 'task-not-done', exitCode: 1, says: /task-timed-out/ });
    const missing = await moult(...run, 'missing', '--wait');
    expectClearFailure(missing, { code: 'task-not-done', exitCode: 1, says: /task-not-started/ });
    const unlisted = await moult(...run, 'rm');
    expectClearFailure(unlisted, { code: 'task-not-listed', exitCode: 1, says: /has no task rm/ });
    for (const given of [['code=900', 'text=x'], ['text=x', 'txt=y'], []]) {
      const wrong = await moult(...run, 'say', ...given.flatMap((one) => ['-p', one]), '--wait');
      expectClearFailure(wrong, {
        code: 'task-not-done',
        exitCode: 1,
        says: /task-parameters-invalid/,
      });
    }
    const runs = await moult('tasks', 'runs', host.name);
    expect(runs.stdout.match(/failed \(task-parameters-invalid\)/g)).toHaveLength(3);
    const list = await moult('tasks', 'list', '--agent', host.name);
    expect(list.stdout).toMatch(/^say +1 +text, code +- *$/m);
    await fleet.leave(host);
  });

  test('H9: an upgrade overtakes tasks that were ordered earlier, and they run again while it proves itself', async () => {
    const host = await taskHost(fleet, 'crowded', { nap: shellTask('sleep 0.3') });
    const body = { agents: [host.name], task: 'nap' };
    for (let count = 0; count < 300; count += 1)
      await fleet.coordinator.client.orderTasks({ body });
    const held = (await runsOf(host, 'open')).filter(
      ({ holdReason }) => holdReason === 'earlier-runs',
    );
    expect(held.length).toBeGreaterThan(0);
    const upgrade = await fleet.order(host.name, SECOND);
    const { command, attempts } = await fleet.ended(upgrade);
    expect(command.state).toBe('succeeded');
    expect((await runsOf(host, 'open')).length).toBeGreaterThan(0);
    const sinceOf = (name: string) =>
      attempts[0]?.steps.find(({ step }) => step === name)?.startedMs ?? 0;
    const [fromMs, toMs] = [sinceOf('probation'), sinceOf('committing')];
    const between = (await runsOf(host, 'ended')).filter(
      ({ startedMs }) => startedMs !== null && startedMs > fromMs && startedMs < toMs,
    );
    expect(between.length).toBeGreaterThan(0);
    await fleet.leave(host);
  });

  test('H10: a busy agent is upgraded only when its task is over; what is ordered meanwhile waits for the host and runs after it, and who waits goes on', async () => {
    const host = await taskHost(fleet, 'busy', { gate: GATE, say: SAY });
    const gate = gateOf(host, 'gate');
    const long = await ordered(host, 'gate', '-p', gate.param);
    await whenRun(host, long, 'has begun', isBegun);
    await host.whenAgent(fleet.coordinator, 'is busy', ({ marks }) => marks.includes('busy'));
    const oldPid = await host.agentPid();

    const upgrade = moult('agents', 'upgrade', host.name, '--to', SECOND, '--wait');
    await until(
      'why says busy',
      async () => (await moult('why', host.name)).stdout.includes(' busy '),
      {
        timeoutMs: 60_000,
        detail: () => host.tail(),
      },
    );
    const waiting = moult('tasks', 'run', host.name, 'say', '-p', 'text=after', '--wait');
    await until(
      'the task waits for its host',
      async () => {
        const open = await moult('tasks', 'runs', host.name, '--task', 'say', '--open');
        return open.stdout.includes('waiting for host');
      },
      { timeoutMs: 60_000, detail: () => host.tail() },
    );
    expect(await host.agentPid()).toBe(oldPid);

    await gate.open();
    const upgraded = await upgrade;
    expect(upgraded).toMatchObject({ code: 0 });
    expect(upgraded.stderr).toContain('waiting for host: a task is running on the host (busy)');
    const done = await waiting;
    expect(done).toMatchObject({ code: 0, stdout: 'after\n' });
    expect(done.stderr).toMatch(/waiting for host: .+/);
    const first = await whenRun(host, long, 'is over', isOver);
    const { runs } = await fleet.coordinator.client.listRuns({
      query: { agent: host.name, task: 'say' },
    });
    expect(first.state).toBe('succeeded');
    const { attempts } = await fleet.coordinator.client.listAttempts({
      query: { agent: host.name },
    });
    const switchedMs = attempts[0]?.steps.find(({ step }) => step === 'switching')?.startedMs ?? 0;
    expect(first.endedMs).toBeLessThanOrEqual(switchedMs);
    expect(runs).toMatchObject([{ state: 'succeeded' }]);
    expect(runs[0]?.startedMs).toBeGreaterThanOrEqual(switchedMs);
    await fleet.leave(host);
  });

  test('H5: a paused agent starts no task and ends none; what was ordered runs in its order when it is resumed', async () => {
    const host = await taskHost(fleet, 'paused', { gate: GATE, say: SAY });
    const gate = gateOf(host, 'gate');
    const long = await ordered(host, 'gate', '-p', gate.param);
    await whenRun(host, long, 'has begun', isBegun);
    expect(await moult('agents', 'pause', host.name, '--wait')).toMatchObject({ code: 0 });
    const first = await ordered(host, 'say', '-p', 'text=1');
    const second = await ordered(host, 'say', '-p', 'text=2');
    const why = await moult('why', host.name);
    expect(why.stdout).toMatch(
      /task say +paused +the agent is paused \(waiting for host\) +moult agents resume paused/,
    );
    await gate.open();
    expect((await whenRun(host, long, 'is over', isOver)).state).toBe('succeeded');
    const held = await whenRun(host, first, 'is held', ({ holdReason }) => holdReason === 'paused');
    expect(held).toMatchObject({ startedMs: null, isWaitingForHost: true });
    expect(await moult('agents', 'resume', host.name, '--wait')).toMatchObject({ code: 0 });
    const [one, two] = [
      await whenRun(host, first, 'is over', isOver),
      await whenRun(host, second, 'is over', isOver),
    ];
    expect([one.state, two.state]).toEqual(['succeeded', 'succeeded']);
    expect(one.endedMs ?? 0).toBeLessThanOrEqual(two.startedMs ?? 0);
    await fleet.leave(host);
  });

  test('H5: in Upgrade Failed no task starts until an operator clears it', async () => {
    const host = await taskHost(fleet, 'failed-major', { say: SAY });
    const upgrade = await fleet.order(host.name, BAD.majorCrashesAtStart);
    expect((await fleet.ended(upgrade, JUDGED_MS)).command).toMatchObject({ state: 'failed' });
    await host.whenAgent(fleet.coordinator, 'shows it', ({ state }) => state === 'Upgrade Failed');
    const run = await ordered(host, 'say', '-p', 'text=x');
    await whenRun(host, run, 'is held', ({ holdReason }) => holdReason === 'upgrade-failed');
    expect((await moult('why', host.name)).stdout).toMatch(
      /task say +upgrade-failed .+ moult agents clear failed-major/,
    );
    expect(await moult('agents', 'clear', host.name, '--wait')).toMatchObject({ code: 0 });
    expect(await whenRun(host, run, 'is over', isOver)).toMatchObject({ state: 'succeeded' });
    await fleet.leave(host);
  });

  test('H5: cancelled, a task that waits never starts, and one that runs is ended with all that it left', async () => {
    const tasks: Tasks = {
      family: shellTask('sleep 611 & sleep 612 & echo $! > "$1"; wait', { file: {} }),
    };
    const host = await taskHost(fleet, 'cancelled', tasks);
    const pidPath = join(host.root, 'child.pid');
    const runs = await ordered(host, 'family', '-p', `file=${pidPath}`);
    const waits = await ordered(host, 'family', '-p', `file=${pidPath}`);
    await whenRun(host, runs, 'has begun', isBegun);
    const childPid = await until(
      'the child is known',
      async () => Number((await readFile(pidPath, 'utf8')).trim()),
      { timeoutMs: 30_000 },
    );
    expect(await moult('tasks', 'cancel', waits)).toMatchObject({ code: 0 });
    const ending = await moult('tasks', 'cancel', runs, '--why', 'wrong day');
    expect(ending).toMatchObject({ code: 0 });
    expect(ending.stdout).toContain('asks it to end');
    const ended = await whenRun(host, runs, 'was ended', isOver);
    expect(ended).toMatchObject({ state: 'revoked' });
    expect(await whenRun(host, waits, 'is over', isOver)).toMatchObject({
      state: 'revoked',
      startedMs: null,
    });
    await until('its child is gone', () => isGone(childPid), { timeoutMs: 30_000 });
    await fleet.leave(host);
  });

  test('H6: a tasks.yaml that is edited to nonsense while the agent runs is said, and the tasks of before stand until it is mended', async () => {
    const host = await taskHost(fleet, 'edited', { say: SAY });
    await writeFile(
      host.layout.tasksPath,
      'tasks:\n  say:\n    program: relative/path\n    pogram: [',
    );
    const trouble = await host.whenAgent(
      fleet.coordinator,
      'says what is wrong',
      ({ configurationTrouble }) => configurationTrouble !== null,
    );
    expect(trouble.tasks).toEqual(['say']);
    const show = await moult('agents', 'show', host.name);
    expect(show.stdout).toMatch(/^configuration: +not used as it is now: .*tasks/m);
    const run = ['tasks', 'run', host.name, 'say', '-p', 'text=still', '--wait'];
    expect(await moult(...run)).toMatchObject({ code: 0, stdout: 'still\n' });
    const mended = { say: SAY, more: SAY };
    await allowTasks(host, mended);
    await whenOffered(fleet, host, mended);
    const now = await fleet.coordinator.client.getAgent({ params: { name: host.name } });
    expect(now.configurationTrouble).toBeNull();
    expect(now.components.find(({ component }) => component === 'agent')?.current?.version).toBe(
      FIRST_AGENT,
    );
    await fleet.leave(host);
  });
});

/** Dead, or only what is left of it. */
async function isGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat === null || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}
