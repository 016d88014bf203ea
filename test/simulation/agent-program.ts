/* A process of the agent: the real agent under ports of the simulation, and what its version does wrong. */
import { encodeHolder, type Slot } from '@moult/core/boot';
import { CodedError } from '@moult/core/errors';
import { silentLogger } from '@moult/runtime/logger';
import { createAgent } from '../../packages/agent/src/agent.ts';
import type { AgentPorts } from '../../packages/agent/src/ports.ts';
import { LAYOUT } from './paths.ts';
import type { SimPipe } from './pipe.ts';
import { SimDisk } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';
import { SimSlots, simTrust } from './sim-slots.ts';
import type { SimRelease } from './versions.ts';
import type { World } from './world.ts';

const HOUR_MS = 3_600_000;
/** As the agent's lock has it: a process that is just ending needs a moment to let go. */
const LOCK_WAIT_MS = 5_000;
const LOCK_POLL_MS = 50;
const CRASH = { exitCode: 1, signal: null } as const;

export interface AgentProgram {
  readonly process: SimProcess;
  readonly pipe: SimPipe;
  readonly release: SimRelease;
  readonly slot: Slot;
  /** SIGTERM. */
  readonly stop: AbortSignal;
}

export function runAgent(world: World, program: AgentProgram): void {
  const { process, release } = program;
  process.after(world.random.spread(20, 1_500), () => {
    if (!process.pointNow('agent:start')) return;
    if (misbehavesAtStart(process, release)) return;
    misbehaveLater(process, release);
    serve(world, program).then(
      (exitCode) => process.end({ exitCode, signal: null }),
      (error: unknown) => {
        world.crashed(process, error);
        process.end(CRASH);
      },
    );
  });
}

function misbehavesAtStart(process: SimProcess, release: SimRelease): boolean {
  if (release.character === 'crashes-at-start') process.end(CRASH);
  if (release.character === 'hangs-at-start') process.freeze();
  return !process.isRunning;
}

function misbehaveLater(process: SimProcess, release: SimRelease): void {
  const { character, laterMs } = release;
  if (character === 'crashes-later') process.after(laterMs, () => process.end(CRASH));
  if (character === 'hangs-later') process.after(laterMs, () => process.freeze());
  if (character === 'stops-by-itself') {
    process.after(laterMs, () => process.end({ exitCode: 0, signal: null }));
  }
}

async function serve(world: World, program: AgentProgram): Promise<number> {
  await takeLock(world, program.process);
  world.invariants.serving(program.process);
  const agent = createAgent(portsOf(world, program));
  return await agent.run(program.stop);
}

/** The kernel lets go of it when the process ends. Taken in one piece: SQLite waits in the call. */
async function takeLock(world: World, process: SimProcess): Promise<void> {
  await process.point('holder:lock');
  for (let waitedMs = 0; world.lockHolder?.isAlive === true; waitedMs += LOCK_POLL_MS) {
    if (waitedMs >= LOCK_WAIT_MS) {
      throw new CodedError('agent-already-running', 'another agent holds the lock');
    }
    await process.pause(LOCK_POLL_MS);
  }
  world.lockHolder = process;
  const disk = new SimDisk(world, process);
  const text = encodeHolder({ pid: process.pid, startTime: String(process.pid) });
  await disk.replace(LAYOUT.holderPath, text, 'holder');
  await process.point('holder:written');
}

function portsOf(world: World, program: AgentProgram): AgentPorts {
  const { process, pipe, release } = program;
  const { character } = release;
  return {
    clock: process.clock,
    random: world.random,
    log: world.isVerbose ? world.logOf(process) : silentLogger,
    self: {
      instanceId: world.place?.instanceId ?? 'instance-1',
      agentName: world.place?.name ?? 'host-1',
      platform: 'linux-x64',
      bootId: world.bootId,
      facts: [],
      labels: {},
      bindsChannel: false,
      sign: (text) => world.place?.sign(text) ?? new Uint8Array(64),
    },
    launcher: {
      post: (message) => pipe.post(message),
      listen: (listener) => pipe.listen(listener),
      close: () => pipe.close(),
    },
    transport: {
      connect: async (signal) => {
        if (character !== 'deaf') return await world.network.connect(process, signal);
        await process.clock.sleep(world.random.spread(10, 5_000), signal);
        throw new CodedError('coordinator-unreachable', 'this version cannot connect');
      },
    },
    trust: simTrust(world, process, { canUpgrade: character !== 'cannot-upgrade' }),
    slots: new SimSlots(world, process),
    disk: {
      freeForSlots: async () => ({ bytes: world.files.isFull ? 0 : 1e12, inodes: null }),
      slotsTrouble: async () => (character === 'unwell' ? 'something of its own is missing' : null),
      dropStamp: async () => '',
    },
    timetable: { start: (_expression, work) => hourly(process, work), trouble: async () => null },
    isPreflightOff: false,
    ...world.tasks.ports(process),
    outputSocket: { run: async () => undefined },
    ownerFiles: {
      wordPath: 'owner.json',
      readWord: async () => null,
      writeWord: async () => undefined,
      locks: async () => [],
    },
    ownerSocket: world.owner.socket(process),
    drainLimitMs: world.tasks.drainLimitMs,
    openStore: () => world.database.open(world, process),
  };
}

function hourly(process: SimProcess, work: () => void): { stop(): void } {
  let isStopped = false;
  const next = () =>
    process.after(HOUR_MS, () => {
      if (isStopped) return;
      work();
      next();
    });
  next();
  return {
    stop: () => {
      isStopped = true;
    },
  };
}
