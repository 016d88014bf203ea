/*
 * Programs of hosts hand in a million numbered records over their agents' sockets while connections break, agents and
 * coordinator are killed with -9 and agents upgrade. Then the coordinator's store is read: each number once, in order.
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
import { Feeder } from './feeder.ts';
import { type Figure, figureOf } from './figure.ts';
import { found, type Numbered, whenStored } from './output-numbers.ts';
import { type Storm, type Stormed, stormOver } from './output-storm.ts';
import { publishAgents, versionsOf } from './publish.ts';

const UNDISTURBED = 200_000;
const STORM: Storm = {
  hosts: 25,
  records: 1_000_000,
  disconnects: 1_000,
  agentKills: 75,
  coordinatorKills: 25,
  upgrades: 5,
};
const AGENT = 'bench-1';
const RECORD_BYTES = 100;
const BATCH = 500;
const RATIO_BAR = 0.1;
const AWAY_MS = 15_000;

type Say = (line: string) => void;

interface Stage {
  readonly coordinator: Coordinator;
  readonly host: Host;
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
    const host = await Host.enroll({
      coordinator,
      token: await coordinator.enrollmentToken({ validates: true }),
      name: AGENT,
      root: join(dir, AGENT),
    });
    ending.unshift(() => host.stop());
    host.start();
    await host.whenAgent(coordinator, 'is Up', ({ state }) => state === 'Up');
    const stage: Stage = { coordinator, host, say };
    const rawPerSecond = rawRate(join(dir, 'raw.db'), UNDISTURBED);
    say(`raw: ${Math.round(rawPerSecond)} records a second`);
    const perSecond = await undisturbed(stage);
    const memory = await whileAway(stage);
    await host.stop();
    const stormed = await stormOver({ dir, coordinator, storm, recordBytes: RECORD_BYTES, say });
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
  const { coordinator, host, say } = stage;
  const feeder = feederOf(stage, 'undisturbed', UNDISTURBED);
  const startedMs = performance.now();
  await feeder.run();
  const takenMs = performance.now() - startedMs;
  await whenStored(coordinator, { stream: 'undisturbed', count: UNDISTURBED }, () => host.tail());
  const perSecond = (UNDISTURBED * 1_000) / (performance.now() - startedMs);
  const taken = Math.round((UNDISTURBED * 1_000) / takenMs);
  say(`undisturbed: ${taken} taken, ${Math.round(perSecond)} stored records a second`);
  expectAll(coordinator, { stream: 'undisturbed', count: UNDISTURBED });
  return perSecond;
}

/** USS of the agent in MiB, before and while nobody takes what it is handed. */
async function whileAway(
  stage: Stage,
): Promise<{ readonly before: number; readonly away: number }> {
  const { coordinator, host, say } = stage;
  const before = await ussOf(host);
  await coordinator.stop();
  const feeder = feederOf(stage, 'away', UNDISTURBED);
  await Promise.race([feeder.run(), pause(AWAY_MS)]);
  const away = await ussOf(host);
  await coordinator.start();
  await feeder.run();
  await whenStored(coordinator, { stream: 'away', count: UNDISTURBED }, () => host.tail());
  expectAll(coordinator, { stream: 'away', count: UNDISTURBED });
  say(`the agent had ${before.toFixed(0)} MiB, ${away.toFixed(0)} MiB with its coordinator away`);
  return { before, away };
}

async function ussOf(host: Host): Promise<number> {
  const pid = await host.agentPid();
  return pid === null ? Number.NaN : (await ussKibOf(pid)) / 1_024;
}

function feederOf(stage: Stage, stream: string, count: number): Feeder {
  return new Feeder({
    path: stage.host.layout.outputSocketPath,
    stream,
    count,
    recordBytes: RECORD_BYTES,
  });
}

function expectAll(coordinator: Coordinator, numbered: Numbered): void {
  const { lost, twice, isInOrder } = found(coordinator, numbered);
  if (lost === 0 && twice === 0 && isInOrder) return;
  throw new Error(`${numbered.stream}: ${lost} lost, ${twice} twice, in order: ${isInOrder}`);
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
    figureOf({ name: name('of these disconnects'), value: stormed.disconnects, unit: '' }),
    figureOf({
      name: name('of these kills of agents and coordinator'),
      value: stormed.kills,
      unit: '',
    }),
    none('of these lost', stormed.lost),
    none('of these twice', stormed.twice),
    none('of these out of order (0: none)', stormed.isInOrder ? 0 : 1),
  ];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
