/*
 * A program of the host hands in a million numbered records over the agent's socket while its connections break, agent and
 * coordinator are killed with -9 and the agent upgrades. Then the coordinator's store is read: each number once, in order.
 * How fast it goes undisturbed is compared with the bare writing of the same records to SQLite, in batches, in the same run.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Coordinator } from '../fleet/coordinator.ts';
import { Host } from '../fleet/host.ts';
import { endProcessesOf, ussKibOf } from '../fleet/processes.ts';
import { endEverything } from '../fleet/program.ts';
import { TcpProxy } from '../fleet/tcp-proxy.ts';
import { until } from '../fleet/until.ts';
import { Feeder } from './feeder.ts';
import { type Figure, figureOf } from './figure.ts';
import { publishAgents, versionOf, versionsOf } from './publish.ts';

/** What is done, so that tests can do less of it. */
export interface Storm {
  readonly undisturbed: number;
  readonly records: number;
  readonly disconnects: number;
  readonly kills: number;
  readonly upgrades: number;
}

const STORM: Storm = {
  undisturbed: 200_000,
  records: 1_000_000,
  disconnects: 1_000,
  kills: 100,
  upgrades: 5,
};
const AGENT = 'bench-1';
const RECORD_BYTES = 100;
const BATCH = 500;
const RATIO_BAR = 0.1;
const AWAY_MS = 15_000;
const STORED_MS_MAX = 600_000;

type Say = (line: string) => void;

interface Stage {
  readonly dir: string;
  readonly coordinator: Coordinator;
  readonly host: Host;
  readonly proxy: TcpProxy;
  readonly storm: Storm;
  readonly say: Say;
}

export async function measureOutput(say: Say, storm: Storm = STORM): Promise<readonly Figure[]> {
  const dir = await mkdtemp(join(tmpdir(), 'moult-bench-'));
  const ending: (() => Promise<unknown>)[] = [];
  try {
    const coordinator = await Coordinator.init({ dir: join(dir, 'coordinator') });
    ending.unshift(() => coordinator.stop());
    await coordinator.start();
    await publishAgents(coordinator, { dir, say, versions: versionsOf(storm.upgrades) });
    const proxy = await TcpProxy.open({ toPort: coordinator.port });
    ending.push(() => proxy.close());
    const host = await Host.enroll({
      coordinator,
      token: await coordinator.enrollmentToken({ validates: true }),
      name: AGENT,
      root: join(dir, AGENT),
      url: `https://127.0.0.1:${proxy.port}`,
    });
    ending.unshift(() => host.stop());
    host.start();
    await host.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up');
    const stage: Stage = { dir, coordinator, host, proxy, storm, say };
    const rawPerSecond = rawRate(join(dir, 'raw.db'), storm.undisturbed);
    say(`raw: ${Math.round(rawPerSecond)} records a second`);
    const perSecond = await undisturbed(stage);
    const memory = await whileAway(stage);
    const stormed = await stormOver(stage);
    return figuresOf({ rawPerSecond, perSecond, memory, stormed });
  } finally {
    for (const end of ending) await end().catch((caught) => say(String(caught)));
    await endEverything();
    await endProcessesOf(dir);
    await rm(dir, { recursive: true, force: true });
  }
}

/** Batches of rows as durable as the product's: WAL, one fsync a batch. */
function rawRate(path: string, count: number): number {
  const database = new DatabaseSync(path);
  try {
    database.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE raw (content BLOB)',
    );
    const insert = database.prepare('INSERT INTO raw VALUES (?)');
    const content = new Uint8Array(RECORD_BYTES);
    const startedMs = performance.now();
    for (let done = 0; done < count; done += BATCH) {
      database.exec('BEGIN');
      for (let index = 0; index < BATCH; index += 1) insert.run(content);
      database.exec('COMMIT');
    }
    return (count * 1_000) / (performance.now() - startedMs);
  } finally {
    database.close();
  }
}

async function undisturbed(stage: Stage): Promise<number> {
  const { storm, say } = stage;
  const feeder = feederOf(stage, 'undisturbed', storm.undisturbed);
  const startedMs = performance.now();
  await feeder.run();
  const takenMs = performance.now() - startedMs;
  await whenStored(stage, 'undisturbed', storm.undisturbed);
  const perSecond = (storm.undisturbed * 1_000) / (performance.now() - startedMs);
  const taken = Math.round((storm.undisturbed * 1_000) / takenMs);
  say(`undisturbed: ${taken} taken, ${Math.round(perSecond)} stored records a second`);
  checkNumbers(stage, 'undisturbed', storm.undisturbed);
  return perSecond;
}

/** USS of the agent in MiB, before and while nobody takes what it is handed. */
async function whileAway(
  stage: Stage,
): Promise<{ readonly before: number; readonly away: number }> {
  const { coordinator, host, storm, say } = stage;
  const before = await ussOf(host);
  await coordinator.stop();
  const feeder = feederOf(stage, 'away', storm.undisturbed);
  await Promise.race([feeder.run(), pause(AWAY_MS)]);
  const away = await ussOf(host);
  await coordinator.start();
  await feeder.run();
  await whenStored(stage, 'away', storm.undisturbed);
  checkNumbers(stage, 'away', storm.undisturbed);
  say(`the agent had ${before.toFixed(0)} MiB, ${away.toFixed(0)} MiB with its coordinator away`);
  return { before, away };
}

async function ussOf(host: Host): Promise<number> {
  const pid = await host.agentPid();
  return pid === null ? Number.NaN : (await ussKibOf(pid)) / 1_024;
}

interface Stormed {
  readonly perSecond: number;
  readonly lost: number;
  readonly twice: number;
  readonly inOrder: boolean;
}

/** Spread over the records: none is handed in before the trouble that comes before it. */
async function stormOver(stage: Stage): Promise<Stormed> {
  const { storm, say } = stage;
  const feeder = feederOf(stage, 'storm', storm.records);
  const startedMs = performance.now();
  feeder.limit = 0;
  const run = feeder.run();
  const upgrades: Promise<string>[] = [];
  for (let done = 0; done < storm.disconnects; done += 1) {
    feeder.goOnTo(Math.ceil((storm.records * (done + 0.5)) / storm.disconnects));
    await until(
      'records are taken',
      () => Promise.resolve(feeder.taken >= feeder.limit ? true : null),
      {
        timeoutMs: STORED_MS_MAX,
        detail: () => stage.host.tail(),
      },
    );
    stage.proxy.breakAll();
    if (isTurn(done, storm.kills, storm.disconnects)) await kill(stage, done);
    if (isTurn(done, storm.upgrades, storm.disconnects)) {
      upgrades.push(upgrade(stage, upgrades.length + 1));
    }
    if (done % 50 === 49) say(`${feeder.taken} taken, ${done + 1} disconnects`);
  }
  feeder.goOnTo(storm.records);
  await run;
  await whenStored(stage, 'storm', storm.records);
  const perSecond = (storm.records * 1_000) / (performance.now() - startedMs);
  say(`upgrades in the storm: ${(await Promise.all(upgrades)).join(', ')}`);
  return { perSecond, ...numbersOf(stage, 'storm', storm.records) };
}

/** Whether one of so many falls on this one of all. */
function isTurn(index: number, count: number, all: number): boolean {
  return Math.floor(((index + 1) * count) / all) > Math.floor((index * count) / all);
}

/** One of three is the coordinator's. */
async function kill(stage: Stage, number: number): Promise<void> {
  const { coordinator, host } = stage;
  if (number % 3 !== 0) {
    await host.killAgent();
    return;
  }
  await coordinator.kill();
  await coordinator.start();
}

/** How it ended; what the storm makes of it is no figure. */
async function upgrade(stage: Stage, number: number): Promise<string> {
  const { coordinator } = stage;
  const body = { version: versionOf(number) };
  const { command } = await coordinator.client.upgradeAgent({ params: { name: AGENT }, body });
  return await until(
    `${command.id} has ended`,
    async () => {
      const params = { id: command.id };
      const found = await coordinator.client.getCommand({ params }).catch(() => null);
      return found?.command.endedMs == null ? null : found.command.state;
    },
    { timeoutMs: STORED_MS_MAX },
  );
}

function feederOf(stage: Stage, stream: string, count: number): Feeder {
  return new Feeder({
    path: stage.host.layout.outputSocketPath,
    stream,
    count,
    recordBytes: RECORD_BYTES,
  });
}

async function whenStored(stage: Stage, stream: string, count: number): Promise<void> {
  await until(
    `${count} records of ${stream} are stored`,
    () => {
      const last = storedNumbers(
        stage,
        `SELECT content FROM output WHERE stream = '${stream}' ORDER BY position DESC LIMIT 1`,
      );
      return Promise.resolve(last.next().value === count ? true : null);
    },
    { timeoutMs: STORED_MS_MAX, detail: () => stage.host.tail() },
  );
}

function checkNumbers(stage: Stage, stream: string, count: number): void {
  const { lost, twice, inOrder } = numbersOf(stage, stream, count);
  if (lost === 0 && twice === 0 && inOrder) return;
  throw new Error(`${stream}: ${lost} lost, ${twice} twice, in order: ${inOrder}`);
}

function numbersOf(stage: Stage, stream: string, count: number): Omit<Stormed, 'perSecond'> {
  const seen = new Uint8Array(count + 1);
  let twice = 0;
  let inOrder = true;
  let last = 0;
  const sql = `SELECT content FROM output WHERE stream = '${stream}' ORDER BY position`;
  for (const number of storedNumbers(stage, sql)) {
    if (seen[number] === 1) twice += 1;
    seen[number] = 1;
    if (number < last) inOrder = false;
    last = number;
  }
  const lost = count - seen.reduce((sum, one) => sum + one, 0);
  return { lost, twice, inOrder };
}

function* storedNumbers(stage: Stage, sql: string): Generator<number> {
  const path = join(stage.coordinator.stateDir, 'coordinator.db');
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    for (const row of database.prepare(sql).iterate()) {
      yield Number(
        Buffer.from(row['content'] as Uint8Array)
          .toString('latin1')
          .slice(0, 12),
      );
    }
  } finally {
    database.close();
  }
}

function figuresOf(of: {
  readonly rawPerSecond: number;
  readonly perSecond: number;
  readonly memory: { readonly before: number; readonly away: number };
  readonly stormed: Stormed;
}): readonly Figure[] {
  const { rawPerSecond, perSecond, memory, stormed } = of;
  const name = (text: string) => `output: ${text}`;
  const none = (text: string, value: number) =>
    figureOf({ name: name(text), value, unit: '', bar: { of: 'value', below: 1 } });
  return [
    figureOf({
      name: name('records stored a second, undisturbed (baseline: raw batches into SQLite)'),
      value: perSecond,
      unit: '1/s',
      baseline: rawPerSecond,
      bar: { of: 'ratio', above: RATIO_BAR },
    }),
    figureOf({
      name: name('USS of the agent with its coordinator away (baseline: before)'),
      value: memory.away,
      unit: 'MiB',
      baseline: memory.before,
    }),
    figureOf({
      name: name('records stored a second in the storm'),
      value: stormed.perSecond,
      unit: '1/s',
    }),
    none('of these lost', stormed.lost),
    none('of these twice', stormed.twice),
    none('of these out of order (0: none)', stormed.inOrder ? 0 : 1),
  ];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
