/*
 * Upgrades of one agent under a steady stream of tasks that take 10 ms and write a line: how long its host is without a
 * task, from the end of the last one that the old process ran to the start of the first one of the new process.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Coordinator } from '../fleet/coordinator.ts';
import { Host } from '../fleet/host.ts';
import { endProcessesOf } from '../fleet/processes.ts';
import { endEverything } from '../fleet/program.ts';
import { until } from '../fleet/until.ts';
import { bareStartMs } from './bare-start.ts';
import { type Figure, figureOf, percentile } from './figure.ts';
import { publishAgents } from './publish.ts';

const UPGRADES = 200;
const AGENT = 'bench-1';
const VERSIONS = ['1.0.0', '1.1.0'] as const;
/** A task takes 10 ms and its process some more: as many at once as it takes that orders do not pile up. */
const ORDER_EVERY_MS = 25;
const GAP_MS_BAR = { p50: 400, p99: 1_500 } as const;
const QUIET_MS = 500;
const ENDED_MS_MAX = 60_000;
const TASKS_YAML = `tasks:
  tick:
    program: /bin/sh
    concurrency: 8
    arguments: ["-c", "sleep 0.01; echo ticked"]
`;

type Say = (line: string) => void;

export async function measureTasks(
  say: Say,
  upgrades: number = UPGRADES,
): Promise<readonly Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'moult-bench-'));
  const ending: (() => Promise<unknown>)[] = [];
  try {
    const coordinator = await Coordinator.init({ dir: join(dir, 'coordinator') });
    ending.unshift(() => coordinator.stop());
    await coordinator.start();
    await publishAgents(coordinator, { dir, say, versions: VERSIONS });
    const host = await Host.enroll({
      coordinator,
      token: await coordinator.enrollmentToken({ validates: true }),
      name: AGENT,
      root: join(dir, AGENT),
    });
    await writeFile(host.layout.tasksPath, TASKS_YAML);
    ending.unshift(() => host.stop());
    host.start();
    await host.whenAgent(coordinator, 'offers its task', ({ state, tasks }) => {
      return state === 'Up' && tasks !== null && tasks.length > 0;
    });
    const { gaps, bare } = await upgradeAll({ coordinator, host, upgrades, say });
    return figuresOf(gaps, bare);
  } finally {
    for (const end of ending) await end().catch((caught) => say(String(caught)));
    await endEverything();
    await endProcessesOf(dir);
    await rm(dir, { recursive: true, force: true });
  }
}

async function upgradeAll(of: {
  readonly coordinator: Coordinator;
  readonly host: Host;
  readonly upgrades: number;
  readonly say: Say;
}): Promise<{ readonly gaps: readonly number[]; readonly bare: readonly number[] }> {
  const { coordinator, host, upgrades, say } = of;
  const stream = new TaskStream(coordinator);
  const gaps: number[] = [];
  const bare: number[] = [];
  try {
    for (let number = 1; number <= upgrades; number += 1) {
      const { command } = await coordinator.client.upgradeAgent({
        params: { name: AGENT },
        body: { version: VERSIONS[number % VERSIONS.length] ?? VERSIONS[0] },
      });
      const ended = await coordinator.whenCommand(command, { detail: () => host.tail() });
      const attempt = ended.attempts.at(-1);
      if (ended.command.state !== 'succeeded' || attempt === undefined) {
        throw new Error(`upgrade ${number}: ${JSON.stringify(ended.command)}\n${host.tail()}`);
      }
      // The next one finds tasks running again.
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      const gapMs = longestGap(coordinator, attempt.startedMs);
      gaps.push(gapMs);
      bare.push(await bareStartMs(host));
      if (number % 10 === 0) say(`upgrade ${number} of ${upgrades}: ${gapMs} ms without a task`);
    }
  } finally {
    await stream.stop();
  }
  await until(
    'every task that was ordered has ended',
    async () => {
      const { runs } = await coordinator.client.listRuns({
        query: { agent: AGENT, state: 'open' },
      });
      return runs.length === 0 ? true : null;
    },
    { timeoutMs: ENDED_MS_MAX },
  );
  say(
    `${stream.ordered} tasks were ordered, ${countOf(coordinator, "outcome = 'succeeded'")} did well`,
  );
  return { gaps, bare };
}

/** Orders a task every so often, whatever becomes of it. */
class TaskStream {
  ordered = 0;
  readonly #coordinator: Coordinator;
  readonly #timer: NodeJS.Timeout;
  readonly #asked = new Set<Promise<unknown>>();

  constructor(coordinator: Coordinator) {
    this.#coordinator = coordinator;
    this.#timer = setInterval(() => this.#order(), ORDER_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#asked);
  }

  #order(): void {
    const body = { agents: [AGENT], task: 'tick' };
    const asked = this.#coordinator.client.orderTasks({ body }).then(() => {
      this.ordered += 1;
    });
    this.#asked.add(asked);
    void asked.finally(() => this.#asked.delete(asked));
  }
}

/** Without any run, since the upgrade began: there is one gap that is not ordinary. */
function longestGap(coordinator: Coordinator, sinceMs: number): number {
  const rows = rowsOf(
    coordinator,
    `started_ms, ended_ms FROM task_runs WHERE started_ms >= ${sinceMs} AND ended_ms IS NOT NULL ORDER BY started_ms`,
  );
  let longestMs = 0;
  let endedMs = Number(rows[0]?.['ended_ms']);
  for (const row of rows) {
    longestMs = Math.max(longestMs, Number(row['started_ms']) - endedMs);
    // Some run side by side.
    endedMs = Math.max(endedMs, Number(row['ended_ms']));
  }
  return longestMs;
}

function countOf(coordinator: Coordinator, where: string): number {
  return Number(
    rowsOf(coordinator, `COUNT(*) AS count FROM task_runs WHERE ${where}`)[0]?.['count'],
  );
}

function rowsOf(coordinator: Coordinator, what: string): readonly Record<string, unknown>[] {
  const path = join(coordinator.stateDir, 'coordinator.db');
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare(`SELECT ${what}`).all();
  } finally {
    database.close();
  }
}

function figuresOf(gaps: readonly number[], bare: readonly number[]): readonly Figure[] {
  const gap = (name: string, fraction: number, below: number) =>
    figureOf({
      name: `tasks: without a task while upgrading ${name} (baseline: bare node, started and ended)`,
      value: percentile(gaps, fraction),
      unit: 'ms',
      baseline: percentile(bare, fraction),
      bar: { of: 'value', below },
    });
  return [gap('p50', 0.5, GAP_MS_BAR.p50), gap('p99', 0.99, GAP_MS_BAR.p99)];
}
