/*
 * The host's supervisor as its unit says (packages/launcher, unit.ts): starts the first launcher, which becomes the
 * launcher it chose; starts it again 2 s after any end but an ordered one; ends it when it does not say that it lives.
 */

import { EXIT, type Slot } from '@moult/core/boot';
import { chooseFirst, Launcher } from '@moult/launcher';
import { SimBootDisk, slotOn } from './sim-boot-disk.ts';
import { never, SimProcess } from './sim-process.ts';
import { SimSpawner } from './sim-spawner.ts';
import type { SimRelease } from './versions.ts';
import type { World } from './world.ts';

const RESTART_MS = 2_000;
const READY_MS = 90_000;
const WATCHDOG_MS = 60_000;
const STOP_MS = 45_000;

export class Unit {
  readonly #world: World;
  #process: SimProcess | null = null;
  #stop = new AbortController();
  #isStopping = false;
  #aliveMs = 0;
  #isReady = false;

  constructor(world: World) {
    this.#world = world;
  }

  get process(): SimProcess | null {
    return this.#process;
  }

  start(): void {
    if (this.#process?.isAlive === true) return;
    const process = new SimProcess(this.#world, 'launcher');
    this.#process = process;
    this.#stop = new AbortController();
    this.#isReady = false;
    this.#aliveMs = this.#world.hostClock.monotonicMs;
    process.atEnd((end) => this.#exited(process, end.exitCode));
    this.#watch(process);
    this.#runFirst(process, this.#stop.signal).then(
      (exitCode) => process.end({ exitCode, signal: null }),
      (error: unknown) => {
        this.#world.crashed(process, error);
        process.end({ exitCode: 1, signal: null });
      },
    );
  }

  /** As `systemctl stop`, then what follows. Only one at a time. */
  stop(then: () => void): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    const process = this.#process;
    const over = () => {
      this.#isStopping = false;
      this.#world.killAgents();
      then();
    };
    if (process === null || !process.isAlive) {
      over();
      return;
    }
    process.atEnd(() => this.#world.scheduler.after(0, over));
    this.#stop.abort(new Error('SIGTERM'));
    this.#world.hostClock.after(STOP_MS, () => process.kill());
  }

  /** The machine went down: nothing is restarted. */
  cut(): void {
    this.#isStopping = true;
    this.#process?.kill();
    this.#isStopping = false;
  }

  #exited(process: SimProcess, exitCode: number | null): void {
    const world = this.#world;
    const isOrdered = this.#isStopping;
    world.point('unit:exited');
    // KillMode=mixed; another supervisor leaves them, and they see their pipe closed.
    if (world.endsLeftovers) {
      world.killAgents();
      world.tasks.endAll();
    }
    if (isOrdered || this.#isStopping) return;
    if (exitCode === EXIT.stop) {
      world.fail('B6', 'the launcher ended as if it had been told to: nothing starts it again');
      return;
    }
    world.hostClock.after(RESTART_MS, () => {
      if (this.#process === process && !this.#isStopping) this.start();
    });
  }

  #watch(process: SimProcess): void {
    this.#world.hostClock.after(10_000, () => {
      if (!process.isAlive) return;
      const silentMs = this.#world.hostClock.monotonicMs - this.#aliveMs;
      if (silentMs > (this.#isReady ? WATCHDOG_MS : READY_MS)) {
        this.#world.trace('watchdog');
        process.end({ exitCode: null, signal: 'SIGABRT' });
      } else this.#watch(process);
    });
  }

  async #runFirst(process: SimProcess, stop: AbortSignal): Promise<number> {
    const world = this.#world;
    await process.pause(world.random.spread(20, 500));
    await process.point('unit:first-launcher');
    const choice = await chooseFirst({
      disk: new SimBootDisk(world, process),
      clock: process.clock,
      log: world.launcherLog(process),
      bootId: world.bootId,
      checkStart: async (slot) => {
        await process.pause(world.random.spread(20, 500));
        await process.point('unit:check-start');
        return this.#releaseIn(slot)
          ? { kind: 'startable' }
          : {
              kind: 'unstartable',
              why: '--check ended with 1',
              isHostTrouble: false,
              logLines: [],
            };
      },
    });
    if (choice.kind === 'stay') {
      return await this.#runHere(process, { stop, release: null });
    }
    await process.point('unit:become');
    const release = this.#releaseIn(choice.slot);
    if (release === null) return await this.#runHere(process, { stop, release: null });
    world.invariants.becoming(choice.slot);
    await process.pause(world.random.spread(20, 300));
    if (release.character === 'crashes-at-start') return 1;
    if (release.character === 'hangs') return await never();
    if (release.character === 'crashes-later') {
      process.after(release.laterMs, () => process.end({ exitCode: 1, signal: null }));
    }
    return await this.#runHere(process, { stop, release });
  }

  async #runHere(
    process: SimProcess,
    own: { readonly stop: AbortSignal; readonly release: SimRelease | null },
  ): Promise<number> {
    const world = this.#world;
    const { stop, release } = own;
    const launcher = new Launcher({
      disk: new SimBootDisk(world, process),
      spawner: new SimSpawner(world, process, {
        canSpawn: release?.character !== 'cannot-spawn',
      }),
      clock: process.clock,
      host: {
        bootId: world.bootId,
        ready: async () => {
          await process.point('unit:ready');
          this.#isReady = true;
          this.#aliveMs = world.hostClock.monotonicMs;
        },
        alive: async () => {
          this.#aliveMs = world.hostClock.monotonicMs;
        },
      },
      log: world.launcherLog(process),
      self: {
        version: release?.slot.version ?? '0.9.0',
        digest: release?.slot.digest ?? null,
      },
    });
    return await launcher.run(stop);
  }

  #releaseIn(slot: Slot): SimRelease | null {
    const found = slotOn(this.#world.files, 'launcher', slot.dir);
    if (found?.digest !== slot.digest) return null;
    const release = this.#world.releases.ofDigest(slot.digest);
    return release?.character === 'unstartable' ? null : release;
  }
}
