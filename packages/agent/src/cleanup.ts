/*
 * Versions nobody needs may go once the coordinator has seen the committed one (H13). U16: kept is whatever the boot record
 * on disk names, asked at the moment of removal, and what runs; where the record cannot be read nothing goes.
 */
import type { Spawned } from '@moult/core/boot';
import { COMPONENTS, type Component } from '@moult/core/component';
import { codedErrorFrom } from '@moult/core/errors';
import { type MadeReady, readReady, readyAfter, readyKept } from '@moult/core/upgrade';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Meta } from './database/index.ts';
import type { Slots } from './ports.ts';

export interface CleanupOptions {
  readonly slots: Slots;
  readonly spawned: Spawned;
  readonly log: Logger;
  readonly meta: Meta;
  readonly clock: Clock;
}

const CLEANUP_DUE = 'cleanup-due';

const MADE_READY = 'made-ready';

/** P5: cleanup leaves it for the upgrade that comes, within limits (core). */
export function keepReady(meta: Meta, made: MadeReady): void {
  meta.write(MADE_READY, JSON.stringify(readyAfter(readReady(meta.read(MADE_READY)), made)));
}

/** Work of the idle agent: an upgrade that begins waits for its end, so that nothing it stages or reuses is removed. */
export class Cleanup {
  readonly #options: CleanupOptions;
  #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: CleanupOptions) {
    this.#options = options;
  }

  order(commandId: string): void {
    this.#options.meta.write(CLEANUP_DUE, commandId);
  }

  /** Does what was ordered and not done yet, if anything. */
  begin(): void {
    this.#abort.abort(new Error('the cleanup begins anew'));
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#running = this.#running.then(() => this.#run(signal));
  }

  /** Resolves when nothing is being removed any more; the rest is done by the next `begin`. */
  stop(): Promise<void> {
    this.#abort.abort(new Error('the agent is no longer idle'));
    return this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { meta, log } = this.#options;
    try {
      if (signal.aborted || meta.read(CLEANUP_DUE) === null) return;
      await removeUnneededVersions(this.#options, signal);
      if (!signal.aborted) meta.forget(CLEANUP_DUE);
    } catch (error) {
      // Asked again at the next idle, or by the next cleanup: nothing depends on it.
      if (signal.aborted) return;
      const { code, message, remedy } = codedErrorFrom(error);
      log.warn('cleaning up failed', { code, message, remedy });
    }
  }
}

async function removeUnneededVersions(options: CleanupOptions, signal: AbortSignal): Promise<void> {
  const { slots, spawned, log, meta, clock } = options;
  const recorded = await slots.recordedDirs();
  if (recorded === null) {
    log.warn('no version is removed: the boot record cannot be read');
    return;
  }
  const ready = readyKept(readReady(meta.read(MADE_READY)), { recorded, nowMs: clock.nowMs() });
  const isReady = (component: Component, dir: string) =>
    ready.some((made) => made.component === component && made.dir === dir);
  const isOwn = (dir: string) =>
    dir === spawned.slot.dir ||
    (spawned.launcherDigest !== null && dir.endsWith(`-${spawned.launcherDigest.slice(0, 8)}`));
  for (const component of COMPONENTS) {
    for (const dir of await slots.list(component)) {
      signal.throwIfAborted();
      if (recorded.has(dir) || isOwn(dir) || isReady(component, dir)) continue;
      await slots.remove(component, dir);
      log.info('removed a version that nobody needs', { component, dir });
    }
  }
  signal.throwIfAborted();
  meta.write(MADE_READY, JSON.stringify(ready));
  await slots.clearStaging();
}
