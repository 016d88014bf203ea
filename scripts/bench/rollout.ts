/*
 * Rollouts by a real coordinator (`moult coordinator serve`, its SQLite store, plain HTTP on the loopback) over light agents
 * that carry out an upgrade at once: 100 groups, ten of each at a time, no soak. What is left is the coordinator's own time. The baseline
 * is a bare WebSocket server with which as many peers exchange as many words and connect again, as many side by side, in the same run.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../fleet/free-port.ts';
import { endEverything } from '../fleet/program.ts';
import { type Figure, figureOf } from './figure.ts';
import { CrowdProcess } from './light/crowd-process.ts';
import { LAST_VERSION, NEXT_VERSION } from './light/enroll.ts';
import { type Planned, type Rolled, RolloutFleet } from './rollout-fleet.ts';
import { planBaselineMs } from './rollout-plan.ts';
import { Server } from './server.ts';

/** Agents: `few` and `most` for rows and plan, `many` for everything else. */
export interface RolloutSizes {
  readonly few: number;
  readonly many: number;
  readonly most: number;
}

const SIZES: RolloutSizes = { few: 1_000, many: 10_000, most: 15_000 };
const SECONDS_BAR = 90;
const ROWS_BAR = 1.1;
const LAST_BAR = 0.03;
const PLAN_MS_BAR = 1_000;
const WAVE_MS_BAR = 200;

const SIDE_BY_SIDE = 1_000;
/** Of one upgrade: command and acceptance, two permissions; then challenge, welcome, report and confirm, end and acknowledgement. */
const WORDS_BEFORE = 3;
const WORDS_AFTER = 4;

type Say = (line: string) => void;

export async function measureRollout(
  say: Say,
  agents: number | null = null,
): Promise<readonly Figure[]> {
  const sizes = agents === null ? SIZES : sizesFor(agents);
  const dir = await mkdtemp(join(tmpdir(), 'moult-bench-'));
  try {
    const bare = await measureBare({ count: sizes.many, say });
    const few = await measureFleet({ dir: join(dir, 'few'), count: sizes.few, say });
    const many = await measureFleet({
      dir: join(dir, 'many'),
      count: sizes.many,
      say,
      isKilled: true,
    });
    const most = await measureFleet({ dir: join(dir, 'most'), count: sizes.most, say });
    return figuresOf({ bare, few, many, most });
  } finally {
    await endEverything();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The same shape, smaller. */
function sizesFor(many: number): RolloutSizes {
  return { few: Math.ceil(many / 10), many, most: Math.ceil(many * 1.5) };
}

interface Measured {
  readonly count: number;
  readonly plan: Planned;
  readonly planBaselineMs: number;
  readonly rolled: Rolled;
  /** Null: nobody was killed. */
  readonly killed: Rolled | null;
}

async function measureFleet(of: {
  readonly dir: string;
  readonly count: number;
  readonly say: Say;
  readonly isKilled?: boolean;
}): Promise<Measured> {
  const { dir, count } = of;
  const say: Say = (line) => of.say(`${count} agents: ${line}`);
  await using fleet = await RolloutFleet.open({ dir, count, say });
  const plan = await fleet.plan(NEXT_VERSION);
  const rolled = await fleet.roll({ version: NEXT_VERSION, isKilled: false });
  const killed = of.isKilled ? await fleet.roll({ version: LAST_VERSION, isKilled: true }) : null;
  const baseline = planBaselineMs(fleet.databasePath);
  return { count, plan, planBaselineMs: baseline, rolled, killed };
}

interface Bare {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** One word and its echo, of one peer alone. */
  readonly wordMs: number;
}

async function measureBare(of: { readonly count: number; readonly say: Say }): Promise<Bare> {
  const { count, say } = of;
  const port = await freePort();
  const server = Server.bare({ port });
  await server.start();
  const crowd = await CrowdProcess.live({ mode: 'bare', port, agentsPath: '', count });
  try {
    const before = await server.gauge();
    const words = { wordsBefore: WORDS_BEFORE, wordsAfter: WORDS_AFTER };
    const ms = await crowd.order({ kind: 'converse', sideBySide: SIDE_BY_SIDE, ...words });
    const after = await server.gauge();
    const asked = await crowd.order({ kind: 'ask', sideBySide: 1, forMs: 1_000 });
    say(`bare: ${count} peers after ${(ms / 1_000).toFixed(1)} s`);
    const cpuSeconds = (after.cpuMs - before.cpuMs) / 1_000;
    return { seconds: ms / 1_000, cpuSeconds, wordMs: 1_000 / asked.perSecond };
  } finally {
    await crowd.end();
    await server.stop();
  }
}

function figuresOf(of: {
  readonly bare: Bare;
  readonly few: Measured;
  readonly many: Measured;
  readonly most: Measured;
}): readonly Figure[] {
  const { bare, few, many, most } = of;
  const rowsEach = ({ count, rolled }: Measured) => rolled.rowsWritten / count;
  const { rolled, killed } = many;
  const name = (text: string) => `rollout: ${text}`;
  return [
    figureOf({
      name: name(`${many.count} agents from start to ended (baseline: bare WebSocket)`),
      value: rolled.seconds,
      unit: 's',
      baseline: bare.seconds,
      bar: { of: 'value', below: SECONDS_BAR },
    }),
    figureOf({
      name: name('of that CPU of the coordinator, all threads'),
      value: rolled.cpuSeconds,
      unit: 's',
      baseline: bare.cpuSeconds,
    }),
    figureOf({
      name: name('last 1 % of the agents, share of the time'),
      value: rolled.lastShare,
      unit: '',
      bar: { of: 'value', below: LAST_BAR },
    }),
    figureOf({
      name: name('last end of a wave to first command of the next, longest (baseline: an echo)'),
      value: Math.max(...rolled.waveMs),
      unit: 'ms',
      baseline: bare.wordMs,
      bar: { of: 'value', below: WAVE_MS_BAR },
    }),
    figureOf({
      name: name(`rows written for each of ${most.count} agents (baseline: of ${few.count})`),
      value: rowsEach(most),
      unit: 'rows',
      baseline: rowsEach(few),
      bar: { of: 'ratio', below: ROWS_BAR },
    }),
    figureOf({
      name: name(`plan of ${most.count} agents (baseline: their rows read and written as JSON)`),
      value: most.plan.planMs,
      unit: 'ms',
      baseline: most.planBaselineMs,
      bar: { of: 'value', below: PLAN_MS_BAR },
    }),
    figureOf({
      name: name('the same, made and kept'),
      value: most.plan.createMs,
      unit: 'ms',
      baseline: most.planBaselineMs,
    }),
    ...(killed === null ? [] : killedFigures({ count: many.count, killed })),
  ];
}

function killedFigures(of: { readonly count: number; readonly killed: Rolled }): readonly Figure[] {
  const { count, killed } = of;
  const name = (text: string) => `rollout: ${text}`;
  return [
    figureOf({
      name: name(`${count} agents with a kill -9 half way, from start to ended`),
      value: killed.seconds,
      unit: 's',
    }),
    figureOf({
      name: name('of these not done when all are back'),
      value: killed.notDone,
      unit: '',
      bar: { of: 'value', below: 1 },
    }),
    figureOf({
      name: name('of these executed twice'),
      value: killed.executedTwice,
      unit: '',
      bar: { of: 'value', below: 1 },
    }),
  ];
}
