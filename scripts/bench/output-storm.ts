/*
 * Programs of some hosts hand in numbered records while their connections break, agents and coordinator are killed with -9
 * and agents upgrade. Several hosts, since each that is cut off again and again waits for up to a minute before it dials.
 * Trouble is spread over the records: none is handed in before the trouble that comes before it.
 */
import { join } from 'node:path';
import type { Coordinator } from '../fleet/coordinator.ts';
import { Host } from '../fleet/host.ts';
import { TcpProxy } from '../fleet/tcp-proxy.ts';
import { until } from '../fleet/until.ts';
import { Feeder } from './feeder.ts';
import { type Found, found, type Numbered, whenStored } from './output-numbers.ts';
import { versionOf } from './publish.ts';

/** All of it together, over all hosts. */
export interface Storm {
  readonly hosts: number;
  readonly records: number;
  readonly disconnects: number;
  readonly agentKills: number;
  readonly coordinatorKills: number;
  /** Of one host each, in its midst. */
  readonly upgrades: number;
}

export interface Stormed extends Found {
  readonly perSecond: number;
  readonly disconnects: number;
  readonly kills: number;
}

export interface StormStage {
  readonly dir: string;
  readonly coordinator: Coordinator;
  readonly storm: Storm;
  readonly recordBytes: number;
  readonly say: (line: string) => void;
}

/** The longest wait between two tries, and then some. */
const STEP_MS_MAX = 300_000;

interface StormHost {
  readonly host: Host;
  readonly proxy: TcpProxy;
  readonly feeder: Feeder;
  readonly numbered: Numbered;
}

class Weather {
  disconnects = 0;
  kills = 0;
  readonly upgrades: string[] = [];
}

export async function stormOver(stage: StormStage): Promise<Stormed> {
  const { coordinator, storm, say } = stage;
  const hosts: StormHost[] = [];
  const proxies: TcpProxy[] = [];
  try {
    for (let number = 1; number <= storm.hosts; number += 1) {
      const proxy = await TcpProxy.open({ toPort: coordinator.port });
      proxies.push(proxy);
      hosts.push(await storming(stage, proxy, number));
      if (number % 5 === 0) say(`${number} of ${storm.hosts} hosts are there`);
    }
    const weather = new Weather();
    const startedMs = performance.now();
    const over = new AbortController();
    const killing = killCoordinator(stage, weather, over.signal);
    try {
      await Promise.all(hosts.map((one, index) => trouble(stage, { one, index, weather })));
    } finally {
      over.abort();
      await killing;
    }
    for (const { numbered, host } of hosts) {
      await whenStored(coordinator, numbered, () => host.tail());
    }
    const perSecond = (storm.records * 1_000) / (performance.now() - startedMs);
    say(`upgrades in the storm: ${weather.upgrades.join(', ')}`);
    const { disconnects, kills } = weather;
    return { perSecond, disconnects, kills, ...sumOf(coordinator, hosts) };
  } finally {
    for (const { host } of hosts) await host.stop();
    for (const proxy of proxies) await proxy.close();
  }
}

async function storming(stage: StormStage, proxy: TcpProxy, number: number): Promise<StormHost> {
  const { dir, coordinator, storm, recordBytes } = stage;
  const name = `storm-${String(number).padStart(2, '0')}`;
  const host = await Host.enroll({
    coordinator,
    token: await coordinator.enrollmentToken({ validates: true }),
    name,
    root: join(dir, name),
    url: `https://127.0.0.1:${proxy.port}`,
  });
  host.start();
  await host.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up');
  const numbered = { stream: name, count: Math.ceil(storm.records / storm.hosts) };
  const feeder = new Feeder({ path: host.layout.outputSocketPath, recordBytes, ...numbered });
  feeder.limit = 0;
  return { host, proxy, feeder, numbered };
}

async function trouble(
  stage: StormStage,
  of: { readonly one: StormHost; readonly index: number; readonly weather: Weather },
): Promise<void> {
  const { storm, say } = stage;
  const { one, index, weather } = of;
  const { host, proxy, feeder, numbered } = one;
  const run = feeder.run();
  const breaks = Math.ceil(storm.disconnects / storm.hosts);
  const waits = { timeoutMs: STEP_MS_MAX, detail: () => host.tail() };
  for (let done = 0; done < breaks; done += 1) {
    feeder.goOnTo(Math.ceil((numbered.count * (done + 0.5)) / breaks));
    await until('records are taken', () => feeder.taken >= feeder.limit, waits);
    await until('it is connected', () => proxy.isConnected, waits);
    proxy.breakAll();
    weather.disconnects += 1;
    if (isTurn(done, storm.agentKills / storm.hosts, breaks)) {
      await until('its agent runs', () => host.killAgent(), waits);
      weather.kills += 1;
    }
    if (done === Math.floor(breaks / 2) && index < storm.upgrades) {
      weather.upgrades.push(await upgrade(stage, host, index + 1));
    }
    if (weather.disconnects % 50 === 0) {
      say(`${weather.disconnects} disconnects, ${weather.kills} kills`);
    }
  }
  feeder.goOnTo(numbered.count);
  await run;
}

/** As often as connections broke. */
async function killCoordinator(
  { coordinator, storm }: StormStage,
  weather: Weather,
  signal: AbortSignal,
): Promise<void> {
  const every = storm.disconnects / storm.coordinatorKills;
  for (let killed = 0; killed < storm.coordinatorKills; killed += 1) {
    const isTime = () => signal.aborted || weather.disconnects >= every * (killed + 0.5);
    await until('enough connections broke', isTime, { timeoutMs: 10 * STEP_MS_MAX });
    if (signal.aborted) return;
    await coordinator.kill();
    await coordinator.start();
    weather.kills += 1;
  }
}

/** How it ended; what the storm makes of it is no figure. */
async function upgrade(stage: StormStage, host: Host, number: number): Promise<string> {
  const { client } = stage.coordinator;
  const params = { name: host.name };
  const waits = { timeoutMs: STEP_MS_MAX, detail: () => host.tail() };
  const ordered = await until(
    'it is ordered',
    () => client.upgradeAgent({ params, body: { version: versionOf(number) } }),
    waits,
  );
  const { id } = ordered.command;
  return await until(
    `${id} has ended`,
    async () => {
      const { command } = await client.getCommand({ params: { id } });
      return command.endedMs === null ? null : command.state;
    },
    waits,
  );
}

/** Whether one of so many falls on this one of all. */
function isTurn(index: number, count: number, all: number): boolean {
  return Math.floor(((index + 1) * count) / all) > Math.floor((index * count) / all);
}

function sumOf(coordinator: Coordinator, hosts: readonly StormHost[]): Found {
  const each = hosts.map(({ numbered }) => found(coordinator, numbered));
  return {
    lost: each.reduce((sum, { lost }) => sum + lost, 0),
    twice: each.reduce((sum, { twice }) => sum + twice, 0),
    isInOrder: each.every(({ isInOrder }) => isInOrder),
  };
}
