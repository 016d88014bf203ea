import { readBootRecord, type Slot } from '@moult/core/boot';
import { type Keeping, NO_CHANGES, type SlotChanges } from '@moult/core/changed-files';
import { COMPONENTS, type Component } from '@moult/core/component';
import { CodedError } from '@moult/core/errors';
import { versionsDirOf } from '@moult/core/layout';
import { type Manifest, parseManifest } from '@moult/core/manifest';
import type {
  AgentPorts,
  LackingBlobs,
  Slots,
  Staged,
  TrustedRelease,
} from '../../packages/agent/src/ports.ts';
import { dirOf, LAYOUT, slotPathOf } from './paths.ts';
import { SimDisk } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

const BYTES = 1_000_000;

/** Slots as the agent stages and removes them. */
export class SimSlots implements Slots {
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #disk: SimDisk;

  constructor(world: World, process: SimProcess) {
    this.#world = world;
    this.#process = process;
    this.#disk = new SimDisk(world, process);
  }

  async plan(): Promise<{ readonly bytesToWrite: number; readonly filesToWrite: number }> {
    return { bytesToWrite: BYTES, filesToWrite: 2 };
  }

  async lacking({ manifest, digest }: TrustedRelease, signal: AbortSignal): Promise<LackingBlobs> {
    const from = 'https://coordinator';
    const { slot, text } = this.#world.releases.ofDigest(digest) ?? {};
    const path = slotPathOf(manifest.component, slot?.dir ?? '');
    if (this.#disk.files.read(path) === text) {
      return { count: 0, bytes: 0, from, asked: 0, trouble: null };
    }
    await this.#process.clock.sleep(this.#world.refreshMs(), signal);
    const isThere = this.#world.isMetadataReachable;
    const trouble = isThere ? null : ({ code: 'fetch-failed', message: 'unreachable' } as const);
    return { count: 2, bytes: BYTES, from, asked: 2, trouble };
  }

  async stage(release: TrustedRelease, options: Parameters<Slots['stage']>[1]): Promise<Staged> {
    const { manifest, digest } = release;
    const simulated = this.#world.releases.ofDigest(digest);
    if (simulated === null) throw new Error('a release that nobody published');
    const { component } = manifest;
    const { slot, text } = simulated;
    const path = slotPathOf(component, slot.dir);
    const stagingPath = `${LAYOUT.stagingDir}/${slot.dir}`;
    await this.#process.point('stage:begin');
    const { files } = this.#disk;
    if (files.read(path) !== text) {
      await this.#fetched(options);
      files.remove(stagingPath);
      await this.#disk.step('stage:write', () => this.#write(stagingPath, text));
      await this.#disk.step('stage:fsync', () => files.sync(stagingPath));
      options.signal.throwIfAborted();
      await this.#disk.step('stage:rename', () => files.rename(stagingPath, path));
      await this.#disk.step('stage:sync-dir', () => files.syncDirectory(dirOf(path)));
      files.syncDirectory(LAYOUT.stagingDir);
    } else files.syncDirectory(dirOf(path));
    await this.#process.point('stage:done');
    return { slot, bytesFetched: BYTES, bytesTotal: BYTES };
  }

  async manifestOf(component: Component, slot: { readonly dir: string }): Promise<Manifest | null> {
    if (this.#world.takesDiskError('manifest')) throw new Error('EIO: i/o error at a manifest');
    const text = await this.#disk.look(() =>
      this.#disk.files.read(slotPathOf(component, slot.dir)),
    );
    try {
      return text === null ? null : parseManifest(text);
    } catch {
      return null;
    }
  }

  async changesOf(component: Component, slot: Slot): Promise<SlotChanges> {
    const text = this.#disk.files.read(slotPathOf(component, slot.dir));
    if (text === this.#world.releases.ofDigest(slot.digest)?.text) return NO_CHANGES;
    const path = 'lib/program.cjs';
    return { files: [{ path, how: 'changed', sha256: null, bytes: 0, modifiedMs: 0 }], count: 1 };
  }

  async keepings(): Promise<readonly Keeping[]> {
    return [];
  }

  list(component: Component): Promise<readonly string[]> {
    return this.#disk.look(() => this.#disk.files.list(versionsDirOf(LAYOUT, component)));
  }

  async remove(component: Component, dir: string): Promise<void> {
    const path = slotPathOf(component, dir);
    await this.#disk.step('cleanup:remove', () => this.#disk.files.remove(path));
    await this.#disk.step('cleanup:sync-dir', () => this.#disk.files.syncDirectory(dirOf(path)));
  }

  async clearStaging(): Promise<void> {
    for (const name of this.#disk.files.list(LAYOUT.stagingDir)) {
      this.#disk.files.remove(`${LAYOUT.stagingDir}/${name}`);
    }
  }

  async recordedDirs(): Promise<ReadonlySet<string> | null> {
    const text = await this.#disk.look(() => this.#disk.files.read(LAYOUT.bootRecordPath));
    const reading = readBootRecord(text);
    if (reading.kind !== 'read') return null;
    const dirs = COMPONENTS.flatMap((component) => {
      const { committed, previous, trial } = reading.record.components[component];
      return [committed?.dir, previous?.dir, trial?.slot.dir];
    });
    return new Set(dirs.filter((dir) => dir !== undefined));
  }

  /** As the release package says it. */
  #write(path: string, text: string): void {
    try {
      this.#disk.files.write(path, text);
    } catch (cause) {
      throw new CodedError('disk-full', 'no space left for the slot', { cause });
    }
  }

  async #fetched(options: Parameters<Slots['stage']>[1]): Promise<void> {
    for (let part = 1; part <= 3; part++) {
      await this.#process.clock.sleep(this.#world.random.spread(10, 5_000), options.signal);
      if (!this.#world.isMetadataReachable) throw unreachable();
      options.onProgress({ bytesDone: (BYTES * part) / 3, bytesTotal: BYTES });
    }
  }
}

/** Trust as a version finds it: its own code may be unable to refresh, the world may be away. */
export function simTrust(
  world: World,
  process: SimProcess,
  options: { readonly canUpgrade: boolean },
): AgentPorts['trust'] {
  const refresh = async (signal: AbortSignal): Promise<void> => {
    await process.clock.sleep(world.refreshMs(), signal);
    if (!options.canUpgrade) throw new CodedError('trust-refused', 'its own code cannot read it');
    if (!world.isMetadataReachable) throw unreachable();
  };
  return {
    refresh,
    release: async (wanted, signal) => {
      await refresh(signal);
      const found = world.releases.find(wanted.component, wanted.version);
      if (found === null || found.character === 'unpublished')
        throw new CodedError('release-unknown', `no release ${wanted.version}`);
      return { manifest: found.manifest, digest: found.slot.digest, proof: null };
    },
  };
}

function unreachable(): CodedError {
  return new CodedError('trust-unreachable', 'no metadata comes');
}
