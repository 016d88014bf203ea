import { createHash } from 'node:crypto';
import { type Holder, readHolder, type Slot, slotDirOf } from '@moult/core/boot';
import type { Component } from '@moult/core/component';
import { versionsDirOf } from '@moult/core/layout';
import { parseManifest } from '@moult/core/manifest';
import type { BootDisk, LinkName } from '@moult/launcher';
import type { FileSystem } from './file-system.ts';
import { dirOf, LAYOUT, linkPath, slotPathOf } from './paths.ts';
import { SimDisk } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

const RECORD_PATH = LAYOUT.bootRecordPath;

/** The launcher's disk, as file-disk.ts has it. */
export class SimBootDisk implements BootDisk {
  readonly #disk: SimDisk;
  readonly #process: SimProcess;

  constructor(world: World, process: SimProcess) {
    this.#disk = new SimDisk(world, process);
    this.#process = process;
  }

  readRecord(): Promise<string | null> {
    return this.#disk.look(() => this.#disk.files.read(RECORD_PATH));
  }

  async writeRecord(text: string): Promise<void> {
    await this.#disk.replace(RECORD_PATH, text, 'record');
    await this.#process.point('record:saved');
  }

  async keepRecordAside(suffix: string): Promise<void> {
    const { files } = this.#disk;
    await this.#disk.step('aside:rename', () =>
      files.rename(RECORD_PATH, `${RECORD_PATH}.${suffix}`),
    );
    await this.#disk.step('aside:sync-dir', () => files.syncDirectory(dirOf(RECORD_PATH)));
    await this.#process.point('aside:done');
  }

  readLink(link: LinkName): Promise<string | null> {
    return this.#disk.look(() => this.#disk.files.read(linkPath(link.component, link.name)));
  }

  async writeLink(link: LinkName, dir: string | null): Promise<void> {
    const { files } = this.#disk;
    const path = linkPath(link.component, link.name);
    await this.#disk.step('link:write', () => {
      if (dir === null) return files.remove(path);
      // A symbolic link is a name: it has no content of its own that could tear.
      const temporaryPath = `${path}.tmp`;
      files.remove(temporaryPath);
      files.write(temporaryPath, dir);
      files.sync(temporaryPath);
      files.rename(temporaryPath, path);
    });
    await this.#disk.step('link:sync-dir', () => files.syncDirectory(dirOf(path)));
    await this.#process.point('link:done');
  }

  completeSlots(component: Component): Promise<readonly Slot[]> {
    return this.#disk.look(() => slotsOn(this.#disk.files, component));
  }

  async readHolder(): Promise<Holder | null> {
    return readHolder(await this.#disk.look(() => this.#disk.files.read(LAYOUT.holderPath)));
  }
}

export function slotsOn(files: FileSystem, component: Component): readonly Slot[] {
  return files
    .list(versionsDirOf(LAYOUT, component))
    .map((dir) => slotOn(files, component, dir))
    .filter((slot) => slot !== null);
}

/** Null: there is no such slot, or it is torn. */
export function slotOn(files: FileSystem, component: Component, dir: string): Slot | null {
  const text = files.read(slotPathOf(component, dir));
  if (text === null) return null;
  try {
    const { version } = parseManifest(text);
    const digest = createHash('sha256').update(text).digest('hex');
    return slotDirOf(version, digest) === dir ? { version, digest, dir } : null;
  } catch {
    return null;
  }
}
