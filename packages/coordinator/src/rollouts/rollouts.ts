/*
 * Drives rollouts. Level-triggered: whatever ends touches all that run, the store judges each again from its counters, and
 * what comes out is sent by the dispatcher. A touch names the group in which a place became free, so that not all of a fleet is
 * looked through each time; one that is lost costs a second.
 */
import { type Clock, everyMs, nextTurn } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Store } from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';
import type { Selection } from '../registry/selection.ts';
import { DoneWatch } from './done-watch.ts';
import { LateJoiners } from './late-joiners.ts';

/** Soaks end by the clock alone, and a touch can be lost. */
const LOOK_MS = 1_000;
/** Of one rollout in one go; then others have their turn. */
const STEPS_MAX = 50;

export interface RolloutsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sessions: Sessions;
  readonly selection: Selection;
  /** They have a command to be sent. */
  readonly onIssued: (instanceIds: readonly string[]) => void;
}

export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #lateJoiners: LateJoiners;
  readonly #doneWatch: DoneWatch;
  readonly #stop = new AbortController();
  #loop: Promise<unknown> = Promise.resolve();
  #running: Promise<void> | null = null;
  #isTouched = false;
  /** Where; null: anywhere. */
  #touched: Set<string> | null = new Set();
  /** Nothing is read at each decision about an agent while there is none. */
  #ids: readonly string[] = [];

  constructor(options: RolloutsOptions) {
    this.#options = options;
    this.#lateJoiners = new LateJoiners({ ...options, onJoined: () => this.touch() });
    this.#doneWatch = new DoneWatch({ ...options, onChanged: () => void this.changed() });
  }

  async start(): Promise<void> {
    this.#lateJoiners.start();
    await this.#look();
    this.#doneWatch.start();
    this.#loop = everyMs(this.#options.clock, LOOK_MS, this.#stop.signal, () => this.#look());
  }

  /** Something may have changed for those that run: in a group, or anywhere. */
  touch(group: string | null = null): void {
    if (this.#ids.length === 0 || this.#stop.signal.aborted) return;
    this.#isTouched = true;
    if (group === null) this.#touched = null;
    else this.#touched?.add(group);
    this.#running ??= this.#run();
  }

  /** Something was decided about an agent: it may match now. */
  lookAt(instanceId: string): void {
    this.#lateJoiners.touch(instanceId);
  }

  /** Its session ended. */
  lost(instanceId: string): void {
    this.#doneWatch.lost(instanceId);
  }

  /** A rollout was started, or resumed. */
  async changed(): Promise<void> {
    await this.#look();
  }

  /** Resolves when nothing is left to judge. */
  async settled(): Promise<void> {
    await this.#lateJoiners.settled();
    while (this.#running !== null) await this.#running;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#doneWatch.stop();
    await this.#lateJoiners.stop();
    await this.settled();
  }

  async #look(): Promise<void> {
    try {
      const ids = await this.#options.store.read('judgedRolloutIds', null);
      const isSame = ids.join() === this.#ids.join();
      this.#ids = ids;
      // Some have begun, or are over.
      if (!isSame) void this.#lateJoiners.changed();
    } catch (error) {
      this.#options.log.error('rollouts could not be read; the next look tries again', {
        err: error,
      });
    }
    this.touch();
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#isTouched) {
      const groups = this.#touched === null ? null : [...this.#touched];
      this.#isTouched = false;
      this.#touched = new Set();
      for (const id of this.#ids) await this.#tryStep(id, groups);
    }
    this.#running = null;
  }

  async #tryStep(id: string, touched: readonly string[] | null): Promise<void> {
    const { store, clock, log, onIssued } = this.#options;
    let groups = touched;
    try {
      for (let step = 0; step < STEPS_MAX; step++) {
        const stepping = { id, groups, nowMs: clock.nowMs() };
        const { issued, isMore } = await store.write('stepRollout', stepping);
        onIssued(issued);
        if (!isMore) return;
        // A wave has opened, perhaps, of which there is more in all groups; what was issued is sent before it.
        groups = null;
        await nextTurn();
      }
      this.touch();
    } catch (error) {
      log.error('a rollout could not be judged; it is tried again', { rollout: id, err: error });
    }
  }
}
