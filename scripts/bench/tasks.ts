/*
 * Upgrades of one agent under a steady stream of tasks that take 10 ms and write a line: how long its host is without a
 * task, from the end of the last one that the old process ran to the start of the first one of the new process.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Coordinator } from '../fleet/coordinator.ts';
import { Host } from '../fleet/host.ts';
import { endProcessesOf } from '../fleet/processes.ts';
import { endEverything } from '../fleet/program.ts';
import { bareStartMs } from './bare-start.ts';
import { type Figure, figureOf, percentile } from './figure.ts';
import { publishAgents } from './publish.ts';
import { allEnded, countOf, longestGap, TASKS_YAML, TaskStream } from './task-stream.ts';

const UPGRADES = 200;
const AGENT = 'bench-1';
const VERSIONS = ['1.0.0', '1.1.0'] as const;
const GAP_MS_BAR = { p50: 400, p99: 1_500 } as const;
const QUIET_MS = 500;
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
  const stream = new TaskStream(coordinator, AGENT);
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
  await allEnded(coordinator, AGENT);
  say(
    `${stream.ordered} tasks were ordered, ${countOf(coordinator, "outcome = 'succeeded'")} did well`,
  );
  return { gaps, bare };
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
