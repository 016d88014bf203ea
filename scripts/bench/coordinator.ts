/*
 * A real coordinator (`moult coordinator serve`, its SQLite store, plain HTTP on the loopback) under many light agents, and
 * a bare WebSocket server under as many bare peers, in the same run: memory of an idle session, checks a second, orders,
 * and a kill -9. The peers live in a process of their own; the server's CPU is measured in it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../fleet/free-port.ts';
import { endEverything } from '../fleet/program.ts';
import { type Figure, figureOf, percentile } from './figure.ts';
import type { Gauge } from './gauge.ts';
import { CrowdProcess, LIVE_MS_MAX } from './light/crowd-process.ts';
import { type EnrolledFleet, enrollLightAgents, NEXT_VERSION } from './light/enroll.ts';
import type { Answers } from './light/orders.ts';
import { pause } from './pause.ts';
import { Server } from './server.ts';

/** `most` for memory, `many` for everything else. */
export interface Crowding {
  readonly most: number;
  readonly many: number;
}

const CROWDING: Crowding = { most: 15_000, many: 10_000 };
const RSS_KB_BAR = 25;
const CHECKS_BAR = 3_000;
const BACK_S_BAR = 90;
const LOOP_MS_BAR = 200;
const ORDER_MS_BAR = 50;

/** Pings have gone round twice by then. */
const SETTLE_MS = 45_000;
const ASK_MS = 15_000;
const ASK_SIDE_BY_SIDE = 200;
const ORDERS = 500;
const ORDER_EVERY_MS = 40;
/** As in the unit: RestartSec. */
const RESTART_MS = 2_000;

type Say = (line: string) => void;

interface Measured {
  readonly rssKb: number;
  readonly rssKbBefore: number;
  readonly answers: Answers;
  readonly cpuUs: number;
  readonly loopIdle: Gauge['loopMs'];
  readonly orderMs: readonly number[];
  readonly backSeconds: number;
  readonly loopBack: Gauge['loopMs'];
}

export async function measureCoordinator(
  say: Say,
  crowding: Crowding = CROWDING,
): Promise<readonly Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'moult-bench-'));
  try {
    say(`enrolling ${crowding.most} agents in the store`);
    const fleet = await enrollLightAgents({ dir, count: crowding.most });
    const bare = await measureServer({ mode: 'bare', dir, fleet, say, crowding });
    const agents = await measureServer({ mode: 'agents', dir, fleet, say, crowding });
    return figuresOf({ bare, agents, crowding });
  } finally {
    await endEverything();
    await rm(dir, { recursive: true, force: true });
  }
}

interface Run {
  readonly mode: 'agents' | 'bare';
  readonly dir: string;
  readonly fleet: EnrolledFleet;
  readonly say: Say;
  readonly crowding: Crowding;
}

async function measureServer(run: Run): Promise<Measured> {
  const { mode, crowding } = run;
  const port = await freePort();
  const server = mode === 'bare' ? Server.bare({ port }) : Server.coordinator({ ...run, port });
  const say: Say = (line) => run.say(`${mode === 'bare' ? 'bare' : 'coordinator'}: ${line}`);
  await server.start();
  const empty = await server.gauge();
  const crowd = await crowdOf(run, { port, count: crowding.many });
  const extra = await crowdOf(run, {
    port,
    from: crowding.many,
    count: crowding.most - crowding.many,
  });
  try {
    say(`${crowding.most} are live; settling`);
    await pause(SETTLE_MS);
    const full = await server.gauge();
    await extra.end();
    const kbOf = (bytes: number, before: number) => (bytes - before) / 1_000 / crowding.most;
    const rssKb = kbOf(full.rssBytes, empty.rssBytes);
    const rssKbBefore = kbOf(full.rssBytesBefore, empty.rssBytesBefore);
    say(`${rssKb.toFixed(1)} KB a session, ${JSON.stringify({ empty, full })}`);
    const before = await server.gauge();
    const { answers, after } = await askAll({ crowd, server });
    const cpuUs = ((after.cpuMs - before.cpuMs) * 1_000) / answers.count;
    say(`${Math.round(answers.perSecond)} answers a second, ${Math.round(cpuUs)} µs of CPU each`);
    const order = { apiUrl: `http://127.0.0.1:${port}`, token: run.fleet.adminToken };
    const orderMs =
      mode === 'bare' ? await roundTrips(crowd) : await upgradeSome({ crowd, ...order });
    say(`p99 from order to acceptance ${percentile(orderMs, 0.99).toFixed(1)} ms`);
    const back = await killAndRestart({ server, crowd });
    say(`all back after ${back.backSeconds.toFixed(1)} s, ${JSON.stringify(back.loopBack)}`);
    const { refused } = await crowd.order({ kind: 'status' });
    say(`goodbyes by their reasons: ${JSON.stringify(refused)}`);
    for (const line of server.trouble()) say(line);
    return { rssKb, rssKbBefore, answers, cpuUs, loopIdle: after.loopMs, orderMs, ...back };
  } finally {
    await crowd.end();
    await extra.end();
    await server.stop();
  }
}

async function crowdOf(
  run: Run,
  of: { readonly port: number; readonly from?: number; readonly count: number },
): Promise<CrowdProcess> {
  const { mode, fleet } = run;
  const startedMs = Date.now();
  const crowd = await CrowdProcess.live({ mode, ...of, agentsPath: fleet.agentsPath });
  run.say(`${mode}: ${of.count} live after ${((Date.now() - startedMs) / 1_000).toFixed(1)} s`);
  return crowd;
}

async function askAll(of: {
  readonly crowd: CrowdProcess;
  readonly server: Server;
}): Promise<{ readonly answers: Answers; readonly after: Gauge }> {
  const ask = { kind: 'ask', sideBySide: ASK_SIDE_BY_SIDE, forMs: ASK_MS } as const;
  const answers = await of.crowd.order(ask);
  return { answers, after: await of.server.gauge() };
}

/** What a bare question and its answer take, one at a time. */
async function roundTrips(crowd: CrowdProcess): Promise<readonly number[]> {
  const ask = { kind: 'ask', sideBySide: 1, forMs: ASK_MS / 3 } as const;
  return (await crowd.order(ask)).latenciesMs;
}

function upgradeSome(of: {
  readonly crowd: CrowdProcess;
  readonly apiUrl: string;
  readonly token: string;
}): Promise<readonly number[]> {
  const { crowd, apiUrl, token } = of;
  const version = NEXT_VERSION;
  const rate = { count: ORDERS, everyMs: ORDER_EVERY_MS };
  return crowd.order({ kind: 'upgrade', ...rate, apiUrl, token, version });
}

async function killAndRestart(of: {
  readonly server: Server;
  readonly crowd: CrowdProcess;
}): Promise<{ readonly backSeconds: number; readonly loopBack: Gauge['loopMs'] }> {
  const { server, crowd } = of;
  const killedMs = Date.now();
  await server.kill();
  await pause(RESTART_MS);
  await server.start();
  const backMs = await crowd.allLive({ afterMs: killedMs, timeoutMs: LIVE_MS_MAX });
  const { loopMs } = await server.gauge();
  return { backSeconds: (backMs - killedMs) / 1_000, loopBack: loopMs };
}

function figuresOf(of: {
  readonly bare: Measured;
  readonly agents: Measured;
  readonly crowding: Crowding;
}): readonly Figure[] {
  const { bare, agents } = of;
  const { most, many } = of.crowding;
  const name = (text: string) => `coordinator: ${text}`;
  const p99 = (samples: readonly number[]) => percentile(samples, 0.99);
  return [
    figureOf({
      name: name(`RSS of an idle session, ${most} connected (baseline: bare WebSocket)`),
      value: agents.rssKb,
      unit: 'KB',
      baseline: bare.rssKb,
      bar: { of: 'value', below: RSS_KB_BAR },
    }),
    figureOf({
      name: name('the same before the garbage was collected'),
      value: agents.rssKbBefore,
      unit: 'KB',
      baseline: bare.rssKbBefore,
    }),
    figureOf({
      name: name('checks answered (baseline: words echoed)'),
      value: agents.answers.perSecond,
      unit: '1/s',
      baseline: bare.answers.perSecond,
      bar: { of: 'value', above: CHECKS_BAR },
    }),
    figureOf({
      name: name('CPU of the server, all threads, for one of them'),
      value: agents.cpuUs,
      unit: 'µs',
      baseline: bare.cpuUs,
    }),
    figureOf({
      name: name(`kill -9 of ${many} sessions to all welcomed again (baseline: connected again)`),
      value: agents.backSeconds,
      unit: 's',
      baseline: bare.backSeconds,
      bar: { of: 'value', below: BACK_S_BAR },
    }),
    figureOf({
      name: name('delay of the event loop meanwhile p99.9'),
      value: agents.loopBack.p999,
      unit: 'ms',
      baseline: bare.loopBack.p999,
      bar: { of: 'value', below: LOOP_MS_BAR },
    }),
    figureOf({
      name: name('delay of the event loop meanwhile, longest'),
      value: agents.loopBack.max,
      unit: 'ms',
      baseline: bare.loopBack.max,
    }),
    figureOf({
      name: name(`from order to acceptance, ${many} connected, p99 (baseline: an echo)`),
      value: p99(agents.orderMs),
      unit: 'ms',
      baseline: p99(bare.orderMs),
      bar: { of: 'value', below: ORDER_MS_BAR },
    }),
  ];
}
