/* What becomes of tasks when their agent is killed, stopped, upgraded or alone, through the real programs. */
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Run } from '@moult/api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { processesOf } from '../../scripts/fleet/processes.ts';
import { until } from '../../scripts/fleet/until.ts';
import { GOOD } from '../support/e2e-releases.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';

const [SECOND] = GOOD;
const TEST_MS = 240_000;
const RUN_MS = 90_000;

let fleet: RealFleet;
beforeAll(async () => {
  fleet = await RealFleet.open('task-recovery');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

/** A task of shell, beside the host's files: `$PWD` is its root. */
function shell(host: Host, script: string, more: object = {}): object {
  const text = `cd '${host.root}'; ${script}`.replaceAll('{', '{{').replaceAll('}', '}}');
  return { program: '/bin/sh', arguments: ['-c', text], ...more };
}

/** Started with the tasks that its owner allows, and Up. */
async function hostWith(
  name: string,
  tasksOf: (host: Host) => Readonly<Record<string, object>>,
): Promise<Host> {
  const host = await fleet.host(name, { starts: false });
  await writeFile(host.layout.tasksPath, JSON.stringify({ tasks: tasksOf(host) }));
  host.start();
  await host.whenAgent(fleet.coordinator, 'is Up', ({ state }) => state === 'Up');
  return host;
}

/** The id of the run. */
async function ordered(host: Host, task: string): Promise<string> {
  return await until(
    `${task} is ordered on ${host.name}`,
    async () => {
      const body = { agents: [host.name], task };
      const { results } = await fleet.coordinator.client.orderTasks({ body });
      return results[0]?.run ?? null;
    },
    { timeoutMs: RUN_MS },
  );
}

async function runsOf(host: Host): Promise<readonly Run[]> {
  const query = { agent: host.name, limit: 1_000 };
  return (await fleet.coordinator.client.listRuns({ query })).runs;
}

async function whenRun(host: Host, id: string, isSo: (run: Run) => boolean): Promise<Run> {
  let last: Run | undefined;
  return await until(
    `${id} of ${host.name} is as it shall be`,
    async () => {
      last = (await runsOf(host)).find(({ run }) => run === id);
      return last !== undefined && isSo(last) ? last : null;
    },
    { timeoutMs: RUN_MS, detail: () => `${JSON.stringify(last)}\n${host.tail()}` },
  );
}

const hasBegun = ({ startedMs }: Run): boolean => startedMs !== null;
const isOver = ({ endedMs }: Run): boolean => endedMs !== null;

async function linesIn(host: Host, file: string): Promise<readonly string[]> {
  const text = await readFile(join(host.root, file), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

async function whenWritten(host: Host, file: string, count = 1): Promise<void> {
  await until(
    `${file} has ${count} lines`,
    async () => (await linesIn(host, file)).length >= count,
    {
      timeoutMs: RUN_MS,
      detail: () => host.tail(),
    },
  );
}

describe.concurrent('side by side', () => {
  test(
    'N2 H6: an agent that is killed while tasks run ends what is left of them, says that nobody knows how one ended, and begins an idempotent one again',
    async () => {
      const host = await hostWith('killed', (one) => ({
        once: shell(one, 'echo x >> once; (sleep 600) & sleep 600; echo never >> once'),
        again: shell(one, 'echo x >> again; [ $(wc -l < again) -gt 1 ] || sleep 600', {
          idempotent: true,
        }),
      }));
      const once = await ordered(host, 'once');
      const again = await ordered(host, 'again');
      for (const file of ['once', 'again']) await whenWritten(host, file);
      expect(await host.killAgent()).toBe(true);
      expect(await whenRun(host, once, isOver)).toMatchObject({
        state: 'failed',
        code: 'outcome-unknown',
        starts: 1,
      });
      expect(await whenRun(host, again, isOver)).toMatchObject({ state: 'succeeded', starts: 2 });
      expect(await linesIn(host, 'once')).toEqual(['x']);
      expect(await linesIn(host, 'again')).toEqual(['x', 'x']);
      const left = (await processesOf(host.root)).filter(({ args }) => args[0] === '/bin/sh');
      expect(left).toEqual([]);
    },
    TEST_MS,
  );

  test(
    'H10: an upgrade waits for a task no longer than the owner of the host lets it',
    async () => {
      const host = await fleet.host('limited', { starts: false });
      const long = shell(
        host,
        'trap "echo asked >> long; exit 0" TERM; echo begun >> long; while :; do sleep 0.1; done',
      );
      await writeFile(host.layout.tasksPath, JSON.stringify({ tasks: { long } }));
      await appendFile(host.layout.agentConfigPath, 'drainLimit: 3s\n');
      host.start();
      await host.whenAgent(fleet.coordinator, 'is Up', ({ state }) => state === 'Up');
      const run = await ordered(host, 'long');
      await whenWritten(host, 'long');
      const { command } = await fleet.upgrade('limited', SECOND);
      expect(command.state).toBe('succeeded');
      expect(await whenRun(host, run, isOver)).toMatchObject({
        code: 'task-cut-short',
        exitCode: 0,
      });
      expect(await linesIn(host, 'long')).toEqual(['begun', 'asked']);
    },
    TEST_MS,
  );

  test(
    'H6: a stop of the service asks what runs to end, and its end is told when the service is back',
    async () => {
      const host = await hostWith('stopped', (one) => ({
        polite: shell(
          one,
          'trap "echo asked >> polite; exit 0" TERM; echo begun >> polite; while :; do sleep 0.1; done',
        ),
      }));
      const run = await ordered(host, 'polite');
      await whenWritten(host, 'polite');
      await whenRun(host, run, hasBegun);
      await host.stop();
      expect(await linesIn(host, 'polite')).toEqual(['begun', 'asked']);
      host.start();
      expect(await whenRun(host, run, isOver)).toMatchObject({
        state: 'failed',
        code: 'task-cut-short',
      });
    },
    TEST_MS,
  );
});

test(
  'H6 N2: a schedule goes on while the coordinator is away, and each of its runs is told once, in order, with what it wrote',
  async () => {
    const host = await hostWith('alone', (one) => ({
      tick: shell(one, 'echo $MOULT_RUN | tee -a ticks', { schedule: '* * * * * *' }),
    }));
    await whenWritten(host, 'ticks', 2);
    await fleet.coordinator.stop();
    const before = (await linesIn(host, 'ticks')).length;
    await whenWritten(host, 'ticks', before + 5);
    await fleet.coordinator.start();
    await rm(host.layout.tasksPath);
    await host.whenAgent(fleet.coordinator, 'has no tasks', (agent) => agent.tasks?.length === 0);
    const ticks = await linesIn(host, 'ticks');
    const told = await until(
      'all runs are told',
      async () => {
        const runs = (await runsOf(host)).filter(isOver);
        return runs.length >= ticks.length ? runs : null;
      },
      { timeoutMs: RUN_MS, detail: () => host.tail() },
    );
    expect(told.map(({ run }) => run).toReversed()).toEqual(ticks);
    expect(new Set(told.map(({ state }) => state))).toEqual(new Set(['succeeded']));
    expect(told.every(({ outputBytes, run }) => outputBytes === run.length + 1)).toBe(true);
  },
  TEST_MS,
);
