/* The launcher over fakes alone: no process, no file, no time. */
import {
  type AgentPipeMessage,
  encodeBootRecord,
  firstRecord,
  type LauncherPipeMessage,
  readBootRecord,
  type Slot,
  slotDirOf,
} from '@moult/core/boot';
import { expect, test } from 'vitest';
import {
  type AgentEnd,
  type AgentListener,
  type AgentProcess,
  type BootDisk,
  Launcher,
  type Spawner,
} from '../src/index.ts';
import { FakeClock } from './support/fake-clock.ts';
import { Journal } from './support/launcher-run.ts';

const slotOf = (version: string, digit: string): Slot => {
  const digest = digit.repeat(64);
  return { version, digest, dir: slotDirOf(version, digest) };
};
const OLD = slotOf('1.0.0', 'a');
const NEW = slotOf('2.0.0', 'b');

/** Power goes at one write, counted over all lives: before it reached the disk, or just after. */
class MemoryDisk implements BootDisk {
  text: string = encodeBootRecord(firstRecord(OLD));
  writes = 0;
  readonly #cut: { readonly atWrite: number; readonly isAfter: boolean };
  readonly powerLost: Promise<'power-lost'>;
  #lose: (value: 'power-lost') => void = () => undefined;

  constructor(cut: { readonly atWrite: number; readonly isAfter: boolean }) {
    this.#cut = cut;
    this.powerLost = new Promise((resolve) => {
      this.#lose = resolve;
    });
  }

  async writeRecord(text: string): Promise<void> {
    this.writes++;
    const isCut = this.writes === this.#cut.atWrite;
    if (!isCut || this.#cut.isAfter) this.text = text;
    if (!isCut) return;
    this.#lose('power-lost');
    await new Promise(() => undefined);
  }

  readRecord = async (): Promise<string> => this.text;
  keepRecordAside = async (): Promise<void> => undefined;
  readLink = async (): Promise<null> => null;
  writeLink = async (): Promise<void> => undefined;
  completeSlots = async (): Promise<readonly Slot[]> => [OLD, NEW];
  readHolder = async (): Promise<null> => null;
}

type Script = (
  message: LauncherPipeMessage,
  agent: { say(message: AgentPipeMessage): void; exit(exitCode: number): void },
) => void;

class MemorySpawner implements Spawner {
  readonly spawned: Slot[] = [];
  readonly #scripts: ReadonlyMap<string, Script>;

  constructor(scripts: ReadonlyMap<string, Script>) {
    this.#scripts = scripts;
  }

  async spawn(
    { slot }: { readonly slot: Slot },
    listener: AgentListener,
  ): Promise<{ readonly kind: 'spawned'; readonly agent: AgentProcess }> {
    this.spawned.push(slot);
    const script = this.#scripts.get(slot.digest);
    let end: (end: AgentEnd) => void = () => undefined;
    const ended = new Promise<AgentEnd>((resolve) => {
      end = resolve;
    });
    const exit = (exitCode: number) => end({ exitCode, signal: null });
    const say = (message: AgentPipeMessage) => listener.onLine(JSON.stringify(message));
    const send = (message: LauncherPipeMessage) => {
      if (message.kind === 'stop') exit(0);
      else queueMicrotask(() => script?.(message, { say, exit }));
    };
    return {
      kind: 'spawned',
      agent: { pid: 4, send, kill: () => end({ exitCode: null, signal: 'SIGKILL' }), ended },
    };
  }

  probe = async (): Promise<boolean> => true;
  prepare = async () => null;
  dropPrepared = () => undefined;
  rehearse = async () => ({ kind: 'ended', outcome: 'passed', detail: '' }) as const;
  endHolder = async (): Promise<void> => undefined;
}

const orders: Script = (message, agent) => {
  if (message.kind === 'spawned' && message.components.agent.refused.length === 0) {
    agent.say({
      kind: 'try',
      id: 1,
      component: 'agent',
      slot: NEW,
      attemptId: 'c1/1',
      probationMs: 60_000,
    });
  }
  if (message.kind === 'done') agent.exit(75);
};
const commits =
  (committed: () => void): Script =>
  (message, agent) => {
    if (message.kind === 'spawned')
      agent.say({ kind: 'commit', id: 1, component: 'agent', attemptId: 'c1/1' });
    if (message.kind === 'done') committed();
  };
const crashes: Script = (message, agent) => {
  if (message.kind === 'spawned') agent.exit(9);
};

async function live(
  disk: MemoryDisk,
  next: (done: () => void) => Script,
): Promise<readonly Slot[]> {
  const booted: Slot[] = [];
  for (let life = 1; ; life++) {
    const stop = new AbortController();
    const clock = new FakeClock();
    let finish: (value: 'finished') => void = () => undefined;
    const finished = new Promise<'finished'>((resolve) => {
      finish = resolve;
    });
    const old: Script = (message, agent) => {
      if (message.kind === 'spawned' && message.components.agent.refused.length > 0)
        finish('finished');
      orders(message, agent);
    };
    const spawner = new MemorySpawner(
      new Map([
        [OLD.digest, old],
        [NEW.digest, next(() => finish('finished'))],
      ]),
    );
    const host = {
      bootId: `boot-${life}`,
      ready: async () => undefined,
      alive: async () => undefined,
    };
    const launcher = new Launcher({
      disk,
      spawner,
      clock,
      host,
      log: new Journal(),
      self: { version: '1.0.0', digest: null },
    });
    const run = launcher.run(stop.signal);
    // Waits of a backoff pass at once; nobody waits for those that never come.
    for (const ms of [1_000, 2_000]) void clock.fire(ms);
    const outcome = await Promise.race([finished, ...(life === 1 ? [disk.powerLost] : [])]);
    booted.push(...spawner.spawned);
    if (outcome === 'power-lost') continue;
    stop.abort();
    expect(await run).toBe(0);
    return booted;
  }
}

const CUTS = [1, 2, 3, 4, 5].flatMap((atWrite) =>
  [true, false].map((isAfter) => ({ atWrite, isAfter })),
);

test.for(CUTS)(
  'T9: power lost at write $atWrite (written: $isAfter): the good version is committed in the end',
  async (cut) => {
    const disk = new MemoryDisk(cut);
    await live(disk, commits);
    const reading = readBootRecord(disk.text);
    expect(reading).toMatchObject({
      kind: 'read',
      record: { components: { agent: { committed: NEW, previous: OLD, trial: null } } },
    });
  },
);

test.for(CUTS)(
  'T9: power lost at write $atWrite (written: $isAfter): the crashing version is refused in the end',
  async (cut) => {
    const disk = new MemoryDisk(cut);
    const booted = await live(disk, () => crashes);
    const reading = readBootRecord(disk.text);
    expect(reading).toMatchObject({
      kind: 'read',
      record: { components: { agent: { committed: OLD, trial: null } } },
    });
    // Three tries, and one more for each changed boot id.
    expect(booted.filter((slot) => slot.digest === NEW.digest).length).toBeLessThanOrEqual(4);
  },
);
