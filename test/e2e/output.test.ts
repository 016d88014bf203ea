/* Output of a host, delivered once and in order whatever goes away meanwhile, through the real programs. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Host } from '../../scripts/fleet/host.ts';
import { startMoult } from '../../scripts/fleet/moult.ts';
import type { Program } from '../../scripts/fleet/program.ts';
import { until } from '../../scripts/fleet/until.ts';
import { GOOD } from '../support/e2e-releases.ts';
import { HandsIn } from '../support/hands-in.ts';
import { PREPARE_MS, RealFleet } from '../support/real-fleet.ts';
import { shellTask, type Tasks, taskHost } from '../support/task-host.ts';

const [SECOND] = GOOD;
const WAIT_MS = 60_000;
const CLI_MS = 120_000;
/** At 50 a second at most they take longer than what is done to the host meanwhile. */
const LINES = 150;
const LINE = /^(\S+\/\d+) (\d+)$/;

const HOW_FAR = { lines: { kind: 'integer', min: 1, max: 1000 } };
/** While `heldPath` is there, none of them comes to its end. */
function tasksHeldBy(heldPath: string): Tasks {
  const hold = `if [ $i -eq "$1" ]; then while [ -e '${heldPath}' ]; do sleep 0.02; done; fi`;
  const count = `i=0; while [ $i -lt "$1" ]; do i=$((i+1)); ${hold}; echo "$MOULT_RUN $i"; sleep 0.02; done`;
  return {
    again: shellTask(count, HOW_FAR, { idempotent: true }),
    count: shellTask(count, HOW_FAR),
    tick: shellTask('echo "$MOULT_RUN 1"', {}, { schedule: '* * * * * *' }),
  };
}

let fleet: RealFleet;
beforeAll(async () => {
  fleet = await RealFleet.open('output');
}, PREPARE_MS);
afterAll(async () => {
  expect(await fleet?.close()).toEqual([]);
});

function moult(...args: readonly string[]) {
  return fleet.coordinator.moult(args, { timeoutMs: CLI_MS });
}

/** Ordered, and its program runs. */
async function counting(
  host: Host,
  task: 'count' | 'again' = 'count',
  lines = LINES,
): Promise<string> {
  const order = ['tasks', 'run', host.name, task, '-p', `lines=${lines}`, '-o', 'json'];
  const { stdout } = await moult(...order);
  const { run } = JSON.parse(stdout).results[0];
  await whenRun(host, run, 'has begun', ({ startedMs }) => startedMs !== null);
  return run;
}

async function whenRun(
  host: Host,
  run: string,
  what: string,
  isSo: (run: Awaited<ReturnType<typeof fleet.coordinator.client.getRun>>) => boolean,
) {
  return await until(
    `the run ${run} ${what}`,
    async () => {
      const found = await fleet.coordinator.client.getRun({ params: { name: host.name, run } });
      return isSo(found) && found;
    },
    { timeoutMs: WAIT_MS, detail: () => host.tail() },
  );
}

function whenOver(host: Host, run: string) {
  return whenRun(host, run, 'is over', ({ endedMs }) => endedMs !== null);
}

/** What waits on the host to be delivered. */
async function outboxItems(host: Host): Promise<number> {
  const { stdout } = await moult('agent', 'status', '--root', host.root, '-o', 'json');
  return JSON.parse(stdout).outboxItems;
}

/** Line by line as the program wrote them, from now on. */
function following(host: Host): Program {
  return startMoult(['output', host.name, '--follow', '--limit', '0', '--raw'], {
    name: 'the follower',
    homeDir: fleet.coordinator.dir,
    env: fleet.coordinator.environment(),
  });
}

/** Numbers by run, in the order in which they came. */
function byRun(lines: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const runs = new Map<string, number[]>();
  for (const line of lines) {
    const [, run, number] = LINE.exec(line) ?? [];
    if (run !== undefined) runs.set(run, [...(runs.get(run) ?? []), Number(number)]);
  }
  return runs;
}

const upTo = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => index + 1);

test('H6 H10 N2: output made while the coordinator is away, while Paused, across an upgrade and before a kill -9 of the agent arrives once and in order, for those who follow it too', async () => {
  const heldPath = join(fleet.dir, 'held');
  const host = await taskHost(fleet, 'writer', tasksHeldBy(heldPath));
  const follower = following(host);
  onTestFinished(async () => void (await follower.stop()));
  const program = new HandsIn({ path: host.layout.outputSocketPath, stream: 'app' });
  const { coordinator } = fleet;
  await follower.waitForLine(LINE, { timeoutMs: WAIT_MS });

  // The coordinator is killed; who waits for a task, and who follows, go on when it is back.
  const waiting = moult('tasks', 'run', host.name, 'count', '-p', `lines=${LINES}`, '--wait');
  await follower.waitForLine(/^\w+\/1 3$/, { timeoutMs: WAIT_MS });
  await coordinator.kill();
  await until('output queues', async () => (await outboxItems(host)) > LINES / 5, {
    timeoutMs: WAIT_MS,
    detail: () => host.tail(),
  });
  await coordinator.start();
  const waited = await waiting;
  expect(waited).toMatchObject({ code: 0 });
  expect(waited.stdout.match(/\n/g)).toHaveLength(LINES);
  expect([...byRun(waited.stdout.split('\n')).values()]).toEqual([upTo(LINES)]);

  // Paused, what runs goes on and is delivered.
  const paused = await counting(host);
  expect(await moult('agents', 'pause', host.name, '--wait')).toMatchObject({ code: 0 });
  expect(await whenOver(host, paused)).toMatchObject({ state: 'succeeded' });
  // The end of the run comes before the report that says so.
  await host.whenAgent(coordinator, 'is paused, and not busy any more', ({ state, marks }) => {
    return state === 'Paused' && !marks.includes('busy');
  });
  expect(await moult('agents', 'resume', host.name, '--wait')).toMatchObject({ code: 0 });

  // An upgrade comes between two.
  const before = await counting(host);
  const upgrade = await fleet.order(host.name, SECOND);
  expect((await fleet.ended(upgrade)).command.state).toBe('succeeded');
  expect(await whenOver(host, before)).toMatchObject({ state: 'succeeded' });
  await writeFile(heldPath, '');
  const again = await counting(host, 'again');
  const killed = await counting(host);
  await follower.waitForLine(new RegExp(`^${killed} 10$`), { timeoutMs: WAIT_MS });
  expect(await host.killAgent()).toBe(true);
  await rm(heldPath);
  expect(await whenOver(host, killed)).toMatchObject({ state: 'failed', code: 'outcome-unknown' });
  expect(await whenOver(host, again)).toMatchObject({ state: 'succeeded', starts: 2 });
  const taken = await program.stop();
  const last = await counting(host, 'count', 1);
  expect(await whenOver(host, last)).toMatchObject({ state: 'succeeded' });
  await follower.waitForLine(new RegExp(`^${last} 1$`), { timeoutMs: WAIT_MS });
  const followed = [...follower.lines];
  follower.signal('SIGINT');
  expect((await follower.ended).code).toBe(130);

  const everything = await moult('output', host.name, '--since', '1h', '-o', 'json');
  const rows = everything.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows.filter(({ kind }) => kind !== 'record')).toEqual([]);
  const text = rows.map(({ content }) => Buffer.from(content, 'base64').toString()).join('');
  const stored = byRun(text.split('\n'));
  for (const run of [paused, before]) expect(stored.get(run)).toEqual(upTo(LINES));
  const cut = stored.get(killed) ?? [];
  expect(cut.length).toBeGreaterThanOrEqual(10);
  expect(cut.length).toBeLessThan(LINES);
  expect(cut).toEqual(upTo(cut.length));
  const twice = stored.get(again) ?? [];
  expect(twice).toEqual([...upTo(twice.length - LINES), ...upTo(LINES)]);
  // Of the last one nobody knows whether it was taken, if its agent ended just then.
  const handedIn = stored.get('app/1') ?? [];
  expect(handedIn).toEqual(upTo(handedIn.length));
  expect([taken, taken + 1]).toContain(handedIn.length);
  expect(taken).toBeGreaterThan(LINES);
  // Whoever followed has seen the same, and nothing of it twice.
  const seen = byRun(followed);
  expect(seen.size).toBeGreaterThan(10);
  for (const [run, numbers] of seen) {
    // Of what the program handed in it began in the middle.
    const first = (stored.get(run) ?? []).indexOf(numbers[0] ?? 0);
    expect([run, numbers]).toEqual([run, stored.get(run)?.slice(run === 'app/1' ? first : 0)]);
  }
  const ticks = [...stored.keys()].filter((run) => run.startsWith('@tick/'));
  expect(ticks.length).toBeGreaterThan(10);
  for (const run of ticks) expect(stored.get(run)).toEqual([1]);
  expect(ticks).toEqual(ticks.toSorted());
  await fleet.leave(host);
});
