import type { Holder, RehearsalOutcome, Slot } from '@moult/core/boot';
import type { AgentListener, RehearsalResult, Spawner, SpawnResult } from '@moult/launcher';
import { runAgent } from './agent-program.ts';
import { SimPipe } from './pipe.ts';
import { slotOn } from './sim-boot-disk.ts';
import { SimProcess } from './sim-process.ts';
import type { SimRelease } from './versions.ts';
import type { World } from './world.ts';

const HOLDER_GRACE_MS = 10_000;
const HOLDER_POLL_MS = 50;
const PROBE_MS = 30_000;
const REHEARSAL_MS = 60_000;

/** Starts agents and probes without processes, as process-spawner.ts does with them. */
export class SimSpawner implements Spawner {
  readonly #world: World;
  readonly #launcher: SimProcess;
  readonly #canSpawn: boolean;

  constructor(world: World, launcher: SimProcess, options: { readonly canSpawn: boolean }) {
    this.#world = world;
    this.#launcher = launcher;
    this.#canSpawn = options.canSpawn;
  }

  async spawn({ slot }: { readonly slot: Slot }, listener: AgentListener): Promise<SpawnResult> {
    const world = this.#world;
    await this.#launcher.pause(world.random.spread(1, 40));
    await this.#launcher.point('spawn:before');
    if (world.isOutOfHandles) {
      return { kind: 'failed', message: 'no file handles are left', isHostTrouble: true };
    }
    const release = this.#startable(slot);
    if (release === null) {
      return { kind: 'failed', message: 'it cannot be executed', isHostTrouble: false };
    }
    world.invariants.spawning(slot);
    const process = new SimProcess(world, `agent ${slot.version}`);
    const pipe = new SimPipe(world, { agent: process, launcher: this.#launcher }, (line) =>
      listener.onLine(line),
    );
    const stop = new AbortController();
    world.agents.set(process.pid, { process, stop });
    process.atEnd(() => world.agents.delete(process.pid));
    runAgent(world, { process, pipe, release, slot, stop: stop.signal });
    await this.#launcher.point('spawn:after');
    const ended: SpawnResult = {
      kind: 'spawned',
      agent: {
        pid: process.pid,
        send: (message) => pipe.send(message),
        kill: () => {
          if (this.#launcher.isRunning) process.kill();
        },
        ended: new Promise((resolve) => {
          process.atEnd((end) => {
            // What it said arrives first.
            const leftMs = Math.max(0, pipe.deliveredMs - world.scheduler.nowMs);
            this.#launcher.after(leftMs + 1, () => resolve(end));
          });
        }),
      },
    };
    return ended;
  }

  async probe(slot: Slot, signal: AbortSignal): Promise<boolean> {
    const world = this.#world;
    await this.#launcher.point('probe:begin');
    if (world.agents.size === 0) world.invariants.stoppedProbes += 1;
    const release = this.#startable(slot);
    if (release === null || world.isOutOfHandles) return false;
    const sessionMs = world.random.spread(100, world.coordinator.isSlow ? 40_000 : 6_000);
    const wantedMs = sessionMs + world.refreshMs();
    const isLate = world.areProbesHanging || wantedMs > PROBE_MS;
    await this.#launcher.clock.sleep(isLate ? PROBE_MS : wantedMs, signal);
    await this.#launcher.point('probe:end');
    const { character } = release;
    const canReach = character !== 'deaf' && character !== 'cannot-upgrade';
    const starts = character !== 'crashes-at-start' && character !== 'hangs-at-start';
    const isThere = !isLate && world.isReachable && world.isMetadataReachable;
    const isReached = canReach && starts && isThere;
    world.trace('probed', { version: slot.version, isReached });
    return isReached;
  }

  /** What is prepared has done nothing yet that anybody could see: it makes the next start shorter, that is all. */
  async prepare(slot: Slot): Promise<string | null> {
    await this.#launcher.pause(this.#world.random.spread(50, 500));
    await this.#launcher.point('prepare:done');
    return this.#startable(slot) === null ? 'it cannot be executed' : null;
  }

  dropPrepared(): void {
    this.#world.trace('nothing is prepared any more');
  }

  async rehearse(slot: Slot, signal: AbortSignal): Promise<RehearsalResult> {
    const world = this.#world;
    await this.#launcher.point('rehearsal:begin');
    if (world.isOutOfHandles) return { kind: 'not-started', message: 'no file handles are left' };
    const release = this.#startable(slot);
    const ended = (outcome: RehearsalOutcome) => ({ kind: 'ended', outcome, detail: '' }) as const;
    if (release === null) return ended('failed');
    const character = release.rehearsal === 'two-faced' ? 'good' : release.character;
    const sessionMs = world.random.spread(100, world.coordinator.isSlow ? 40_000 : 6_000);
    const wantedMs = sessionMs + world.refreshMs();
    const hangs = character === 'hangs-at-start' || world.areProbesHanging;
    const isLate = hangs || wantedMs > REHEARSAL_MS;
    await this.#launcher.clock.sleep(isLate ? REHEARSAL_MS : wantedMs, signal);
    await this.#launcher.point('rehearsal:end');
    const isThere = !isLate && world.isReachable && world.isMetadataReachable;
    const canReach = character !== 'deaf' && character !== 'cannot-upgrade';
    const isBroken = character === 'crashes-at-start' || character === 'hangs-at-start';
    const outcome = isBroken ? 'failed' : isThere && canReach ? 'passed' : 'not-reached';
    world.trace('rehearsed', { version: slot.version, outcome });
    return ended(outcome);
  }

  async endHolder(holder: Holder, signal: AbortSignal): Promise<void> {
    const world = this.#world;
    const beganMs = world.scheduler.nowMs;
    let isTold = false;
    for (;;) {
      const found = world.agents.get(holder.pid);
      if (found === undefined) break;
      if (!isTold && found.process.isRunning) found.stop.abort(new Error('SIGTERM'));
      isTold = true;
      const isLate = world.scheduler.nowMs - beganMs >= HOLDER_GRACE_MS;
      if (isLate || signal.aborted) found.process.kill();
      await this.#launcher.pause(HOLDER_POLL_MS);
    }
    await this.#launcher.point('holder:ended');
  }

  #startable(slot: Slot): SimRelease | null {
    const world = this.#world;
    if (!this.#canSpawn) return null;
    const found = slotOn(world.files, 'agent', slot.dir);
    const release = found?.digest === slot.digest ? world.releases.ofDigest(slot.digest) : null;
    return release?.character === 'unstartable' ? null : release;
  }
}
