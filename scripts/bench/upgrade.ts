/*
 * Twenty real upgrades of one real agent, under a real launcher, against a real coordinator with TLS on the loopback.
 * Releases differ in nothing but the version that is built into their scripts. All bytes between host and coordinator
 * pass through a proxy that counts them.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Attempt } from '@moult/api';
import { Coordinator } from '../fleet/coordinator.ts';
import { Host } from '../fleet/host.ts';
import { endProcessesOf, ussKibOf } from '../fleet/processes.ts';
import { endEverything } from '../fleet/program.ts';
import type { ReleaseSpec } from '../fleet/releases.ts';
import { TcpProxy } from '../fleet/tcp-proxy.ts';
import { bareStartMs } from './bare-start.ts';
import { type Figure, figureOf, percentile } from './figure.ts';
import { publishAgents, versionOf, versionsOf } from './publish.ts';
import { allEnded, longestGap, TASKS_YAML, TaskStream } from './task-stream.ts';

const UPGRADES = 20;
const AGENT = 'bench-1';
/** Each rehearses anew. */
const REFUSALS = 5;
/** A rehearsal has a minute, and comes last for the processor: a busy machine lets it use all of that. */
const REFUSED_MS_MAX = 150_000;
/** About as long as the refusals take. */
const UNDISTURBED_MS = 15_000;
const BYTES_SHARE_BAR = 0.02;
const GAP_MS_BAR = 600;

/** It would not serve, and its rehearsal shows it. */
const UNFIT: ReleaseSpec = {
  component: 'agent',
  version: '9.9.9',
  entry: 'test/fixtures/crash-at-start.ts',
};

type Say = (line: string) => void;

interface Sample {
  readonly attempt: Attempt;
  readonly gapMs: number;
  /** Everything that travelled from the order to its end, both ways. */
  readonly wireBytes: number;
  /** A bare runtime, started and ended, right after. */
  readonly bareMs: number;
}

export async function measureUpgrade(say: Say): Promise<readonly Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'moult-bench-'));
  const ending: (() => Promise<unknown>)[] = [];
  try {
    const coordinator = await Coordinator.init({ dir: join(dir, 'coordinator') });
    ending.unshift(() => coordinator.stop());
    await coordinator.start();
    await publishAgents(coordinator, { dir, say, versions: versionsOf(UPGRADES), more: [UNFIT] });
    const proxy = await TcpProxy.open({ toPort: coordinator.port });
    ending.push(() => proxy.close());
    say('enrolling the host');
    const host = await Host.enroll({
      coordinator,
      token: await coordinator.enrollmentToken({ validates: true }),
      name: AGENT,
      root: join(dir, AGENT),
      url: `https://127.0.0.1:${proxy.port}`,
    });
    const enrolledBytes = proxy.bytesDown;
    ending.unshift(() => host.stop());
    await writeFile(host.layout.tasksPath, TASKS_YAML);
    host.start();
    await host.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up');
    const samples: Sample[] = [];
    for (let number = 1; number <= UPGRADES; number += 1) {
      const sample = await sampleOf({ coordinator, proxy, host, version: versionOf(number) });
      samples.push(sample);
      say(
        `upgrade ${number} of ${UPGRADES}: gap ${Math.round(sample.gapMs)} ms, ${sample.wireBytes} bytes on the wire (${sample.attempt.bytesFetched} of blobs), bare runtime ${Math.round(sample.bareMs)} ms`,
      );
    }
    const memory = await memoryOf(host);
    const refused = await refusedUnderTasks({ coordinator, host, say });
    return [...figuresOf(samples, enrolledBytes), ...refused, ...memory];
  } finally {
    for (const end of ending) await end().catch((caught) => say(String(caught)));
    await endEverything();
    await endProcessesOf(dir);
    await rm(dir, { recursive: true, force: true });
  }
}

async function sampleOf(options: {
  readonly coordinator: Coordinator;
  readonly proxy: TcpProxy;
  readonly host: Host;
  readonly version: string;
}): Promise<Sample> {
  const { coordinator, proxy, host, version } = options;
  const before = proxy.bytesDown + proxy.bytesUp;
  const { command } = await coordinator.client.upgradeAgent({
    params: { name: AGENT },
    body: { version },
  });
  const { command: end, attempts } = await coordinator.whenCommand(command, {
    detail: () => host.tail(),
  });
  const wireBytes = proxy.bytesDown + proxy.bytesUp - before;
  const attempt = attempts.at(-1);
  if (end.state !== 'succeeded' || attempt === undefined || attempt.gapMs === null) {
    throw new Error(
      `the upgrade to ${version} was not measured: ${JSON.stringify(end)}\n${host.tail()}`,
    );
  }
  return { attempt, gapMs: attempt.gapMs, wireBytes, bareMs: await bareStartMs(host) };
}

function figuresOf(samples: readonly Sample[], enrolledBytes: number): readonly Figure[] {
  const gaps = samples.map(({ gapMs }) => gapMs);
  const bare = samples.map(({ bareMs }) => bareMs);
  const wholes = samples.map(({ attempt }) => attempt.bytesTotal);
  return [
    figureOf({
      name: 'upgrade: wire bytes, only the script changed, largest of 20 (baseline: whole release)',
      value: Math.max(...samples.map(({ wireBytes }) => wireBytes)),
      unit: 'B',
      // Enrollment moved a whole release for certain: whichever is smaller makes the bar harder.
      baseline: Math.min(enrolledBytes, ...wholes),
      bar: { of: 'ratio', below: BYTES_SHARE_BAR },
    }),
    figureOf({
      name: 'upgrade: of these, bytes of blobs by the agent’s report',
      value: Math.max(...samples.map(({ attempt }) => attempt.bytesFetched)),
      unit: 'B',
      baseline: Math.min(...wholes),
    }),
    figureOf({
      name: 'upgrade: gap p50 (baseline: bare node, started and ended)',
      value: percentile(gaps, 0.5),
      unit: 'ms',
      baseline: percentile(bare, 0.5),
      bar: { of: 'value', below: GAP_MS_BAR },
    }),
    figureOf({
      name: 'upgrade: gap p99',
      value: percentile(gaps, 0.99),
      unit: 'ms',
      baseline: percentile(bare, 0.99),
    }),
    figureOf({
      name: 'upgrade: from order to end p50, of which 5 s are probation',
      value: percentile(
        samples.map(({ attempt }) => (attempt.endedMs ?? Number.NaN) - attempt.startedMs),
        0.5,
      ),
      unit: 'ms',
    }),
  ];
}

/** What a release costs that its rehearsal refuses, under a stream of tasks: by history, by the process, by the tasks. */
async function refusedUnderTasks(of: {
  readonly coordinator: Coordinator;
  readonly host: Host;
  readonly say: Say;
}): Promise<readonly Figure[]> {
  const { coordinator, host, say } = of;
  const stream = new TaskStream(coordinator, AGENT);
  const gaps: number[] = [];
  const begunMs = Date.now();
  let longest = { undisturbedMs: Number.NaN, meanwhileMs: Number.NaN };
  try {
    await new Promise((resolve) => setTimeout(resolve, UNDISTURBED_MS));
    const undisturbedMs = longestGap(coordinator, begunMs);
    const refusingMs = Date.now();
    for (let number = 1; number <= REFUSALS; number += 1) {
      gaps.push(await refusalGap(coordinator, host));
      say(`refusal ${number} of ${REFUSALS}: gap ${gaps.at(-1)} ms`);
    }
    longest = { undisturbedMs, meanwhileMs: longestGap(coordinator, refusingMs) };
  } finally {
    await stream.stop();
  }
  await allEnded(coordinator, AGENT);
  return [
    figureOf({
      name: `upgrade: gap for a release that its rehearsal refuses, largest of ${REFUSALS} under 40 tasks a second`,
      value: Math.max(...gaps),
      unit: 'ms',
      bar: { of: 'value', below: 1 },
    }),
    figureOf({
      name: 'upgrade: meanwhile, longest time without a task (baseline: while nothing is upgraded)',
      value: longest.meanwhileMs,
      unit: 'ms',
      baseline: longest.undisturbedMs,
    }),
  ];
}

/** Not a number where it was not refused, or by another process than before. */
async function refusalGap(coordinator: Coordinator, host: Host): Promise<number> {
  const pid = await host.agentPid();
  const { command } = await coordinator.client.upgradeAgent({
    params: { name: AGENT },
    body: { version: UNFIT.version },
  });
  const { command: end, attempts } = await coordinator.whenCommand(command, {
    timeoutMs: REFUSED_MS_MAX,
    detail: () => host.tail(),
  });
  const isUntouched = end.code === 'rehearsal-failed' && (await host.agentPid()) === pid;
  return isUntouched ? (attempts.at(-1)?.gapMs ?? 0) : Number.NaN;
}

async function memoryOf(host: Host): Promise<readonly Figure[]> {
  const pids = { agent: await host.agentPid(), launcher: await host.launcherPid() };
  const figures: Figure[] = [];
  for (const [name, pid] of Object.entries(pids)) {
    const value = pid === null ? Number.NaN : (await ussKibOf(pid)) / 1024;
    figures.push(
      figureOf({ name: `upgrade: USS of the ${name}, one pair alone`, value, unit: 'MiB' }),
    );
  }
  return figures;
}
