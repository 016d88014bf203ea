/* A disk that says that a write failed has, perhaps, done half of it; or it had no room for a recovered record. */
import {
  type AgentPipeMessage,
  encodeBootRecord,
  firstRecord,
  HANG_TICKS,
  HEARTBEAT_MS,
  readBootRecord,
  type Slot,
  slotDirOf,
} from '@moult/core/boot';
import { expect, test } from 'vitest';
import { type AgentEnd, type BootDisk, Launcher, type Spawner } from '../src/index.ts';
import { FakeClock } from './support/fake-clock.ts';
import { Journal } from './support/launcher-run.ts';

const slotOf = (version: string, digit: string): Slot => {
  const digest = digit.repeat(64);
  return { version, digest, dir: slotDirOf(version, digest) };
};
const OLD = slotOf('1.0.0', 'a');
const NEW = slotOf('2.0.0', 'b');
const TRY: AgentPipeMessage = {
  kind: 'try',
  id: 1,
  component: 'agent',
  slot: NEW,
  attemptId: 'c1/1',
  probationMs: 60_000,
};

interface FailingDisk extends BootDisk {
  text: string | null;
  failures: number;
}

/** Fails after the rename or before it: either way its caller is told that nothing was written. */
function failingDisk(options: {
  readonly text: string | null;
  readonly isRenamed: boolean;
}): FailingDisk {
  const disk: FailingDisk = {
    text: options.text,
    failures: 1,
    readRecord: async () => disk.text,
    writeRecord: async (text) => {
      const isFailing = disk.failures > 0;
      if (!isFailing || options.isRenamed) disk.text = text;
      if (!isFailing) return;
      disk.failures -= 1;
      throw new Error('EIO');
    },
    keepRecordAside: async () => undefined,
    readLink: async () => null,
    writeLink: async () => undefined,
    completeSlots: async (component) => (component === 'agent' ? [OLD, NEW] : []),
    readHolder: async () => null,
  };
  return disk;
}

function asking(message: AgentPipeMessage | null): Spawner {
  return {
    spawn: async (_slot, listener) => {
      let end: (end: AgentEnd) => void = () => undefined;
      const ended = new Promise<AgentEnd>((resolve) => {
        end = resolve;
      });
      const kill = () => end({ exitCode: 0, signal: null });
      if (message !== null) queueMicrotask(() => listener.onLine(JSON.stringify(message)));
      return {
        kind: 'spawned',
        agent: { pid: 4, send: ({ kind }) => kind === 'stop' && kill(), kill, ended },
      };
    },
    probe: async () => true,
    prepare: async () => null,
    dropPrepared: () => undefined,
    rehearse: async () => ({ kind: 'ended', outcome: 'passed', detail: '' }),
    endHolder: async () => undefined,
  };
}

/** `isTicking`: until its first tick; else until it has said that it cannot write. */
async function afterATick(
  disk: FailingDisk,
  message: AgentPipeMessage | null,
  isTicking = true,
): Promise<void> {
  const clock = new FakeClock();
  const stop = new AbortController();
  const host = { bootId: 'b1', ready: async () => undefined, alive: async () => undefined };
  const self = { version: '1.0.0', digest: null };
  const log = new Journal();
  const launcher = new Launcher({ disk, spawner: asking(message), clock, host, log, self });
  const exit = launcher.run(stop.signal);
  if (message !== null) await log.until(/cannot be written/);
  if (isTicking) await clock.fire(HEARTBEAT_MS);
  stop.abort();
  await exit;
}

test('B4: a try that was answered `failed` does not stay on the disk', async () => {
  const disk = failingDisk({ text: encodeBootRecord(firstRecord(OLD)), isRenamed: true });
  await afterATick(disk, TRY);
  const reading = readBootRecord(disk.text);
  expect(reading.kind === 'read' && reading.record.components.agent).toMatchObject({
    committed: OLD,
    trial: null,
  });
});

test('B4 U16: whoever reads the record does not find what a failed sync left there, also before the next tick', async () => {
  const disk = failingDisk({ text: encodeBootRecord(firstRecord(OLD)), isRenamed: true });
  disk.failures = Number.POSITIVE_INFINITY;
  await afterATick(disk, TRY, false);
  const reading = readBootRecord(disk.text);
  expect(reading.kind === 'read' && reading.record.components.agent.trial).toBeNull();
});

test('B10: a recovered record that found no room is written when there is some', async () => {
  const disk = failingDisk({ text: null, isRenamed: false });
  await afterATick(disk, null);
  const reading = readBootRecord(disk.text);
  expect(reading.kind === 'read' && reading.record.components.agent.committed).toEqual(NEW);
});

test('B18: the ticks in which a launcher waits for its disk are not made up for', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const log = new Journal();
  let write: () => void = () => undefined;
  let begin: () => void = () => undefined;
  const written = new Promise<void>((resolve) => {
    write = resolve;
  });
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const disk = failingDisk({ text: encodeBootRecord(firstRecord(OLD)), isRenamed: false });
  const writeRecord = async () => {
    begin();
    await written;
  };
  let ticks = 0;
  const alive = async () => void ticks++;
  const launcher = new Launcher({
    disk: { ...disk, writeRecord },
    spawner: asking(TRY),
    clock,
    host: { bootId: 'b1', ready: async () => undefined, alive },
    log,
    self: { version: '1.0.0', digest: null },
  });
  const exit = launcher.run(stop.signal);
  await begun;
  // As many as end an agent that is silent.
  for (let tick = 0; tick <= HANG_TICKS; tick++) await clock.fire(HEARTBEAT_MS);
  expect(ticks).toBe(0);
  write();
  stop.abort();
  expect(await exit).toBe(0);
  expect(ticks).toBe(1);
  expect(log.lines.filter(({ message }) => message === 'stopping')).toHaveLength(1);
});
