/*
 * A process's hands on the disk. Each operation is the steps that runtime/files takes, in their order, and the
 * world may strike between any two of them.
 */
import type { FileSystem } from './file-system.ts';
import { dirOf } from './paths.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

export class SimDisk {
  readonly #world: World;
  readonly #process: SimProcess;

  constructor(world: World, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  get files(): FileSystem {
    return this.#world.files;
  }

  /** File → fsync → rename → directory, as `writeFileDurably`. */
  async replace(path: string, text: string, what: string): Promise<void> {
    const temporaryPath = `${path}.${this.#process.pid}.tmp`;
    try {
      await this.step(`${what}:write`, () => this.files.write(temporaryPath, text));
      await this.step(`${what}:fsync`, () => this.files.sync(temporaryPath));
      await this.step(`${what}:rename`, () => this.files.rename(temporaryPath, path));
      await this.step(`${what}:sync-dir`, () => this.files.syncDirectory(dirOf(path)));
    } catch (error) {
      this.files.remove(temporaryPath);
      throw error;
    }
  }

  async step(point: string, work: () => void): Promise<void> {
    await this.#process.pause(this.delayMs());
    await this.#process.point(point);
    if (this.#world.takesDiskError(point)) throw new Error(`EIO: i/o error at ${point}`);
    work();
  }

  /** For looking at things, which changes nothing. */
  async look<T>(work: () => T): Promise<T> {
    await this.#process.pause(this.#world.random.fraction());
    return work();
  }

  delayMs(): number {
    const { random, isDiskSlow, diskStuckUntilMs, scheduler } = this.#world;
    const ownMs = isDiskSlow ? random.spread(50, 8_000) : random.fraction() * 5;
    return Math.max(0, diskStuckUntilMs - scheduler.nowMs) + ownMs;
  }
}
