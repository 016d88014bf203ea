/*
 * Agents that come to match the selector of a rollout (P3). Level-triggered: whatever is decided about an agent touches it,
 * and it is held against the rollouts that take late joiners; where there are none, that costs nothing. Everybody is looked
 * at once such a rollout is found, and then rarely: what a selector can ask for may change without anything being decided.
 */
import { type Clock, everyMs, nextTurn } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { OpenRollout, Store } from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';
import { type Selection, selectorOf } from '../registry/selection.ts';

const LOOK_AT_ALL_MS = 300_000;
/** Read and decided in one turn of the loop: a few milliseconds. */
const SIDE_BY_SIDE = 100;
/** Of one read. */
const PAGE = 1_000;

export interface LateJoinersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sessions: Sessions;
  readonly selection: Selection;
  /** Somebody is in a rollout who was not. */
  readonly onJoined: () => void;
}

export class LateJoiners {
  readonly #options: LateJoinersOptions;
  readonly #stop = new AbortController();
  readonly #touched = new Set<string>();
  #open: readonly OpenRollout[] = [];
  #running: Promise<void> | null = null;
  #looking: Promise<void> = Promise.resolve();
  #loop: Promise<unknown> = Promise.resolve();

  constructor(options: LateJoinersOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop = everyMs(this.#options.clock, LOOK_AT_ALL_MS, this.#stop.signal, () =>
      this.changed(),
    );
  }

  /** Something was decided about it. */
  touch(instanceId: string): void {
    if (this.#open.length === 0 || this.#stop.signal.aborted) return;
    this.#touched.add(instanceId);
    this.#running ??= this.#run();
  }

  /** Rollouts have begun, or are over. */
  changed(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  /** Resolves when nobody is left to look at. */
  async settled(): Promise<void> {
    await this.#looking;
    while (this.#running !== null) await this.#running;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.settled();
  }

  async #look(): Promise<void> {
    const { store, log } = this.#options;
    try {
      this.#open = await store.read('openToJoiners', null);
      if (this.#open.length === 0) return;
      for (let after = ''; !this.#stop.signal.aborted; ) {
        const page = { scope: 'fleet', subject: '', after, limit: PAGE } as const;
        const ids = await store.read('instanceIdPage', page);
        for (const id of ids) this.touch(id);
        if (ids.length < PAGE) return;
        after = ids.at(-1) ?? '';
      }
    } catch (error) {
      log.error('late joiners were not looked for; the next look does', { err: error });
    }
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#touched.size > 0 && !this.#stop.signal.aborted) {
      const ids: string[] = [];
      for (const id of this.#touched) if (ids.push(id) >= SIDE_BY_SIDE) break;
      for (const id of ids) this.#touched.delete(id);
      for (const rollout of this.#open) await this.#tryTake(rollout, ids);
      await nextTurn();
    }
    this.#running = null;
  }

  async #tryTake(rollout: OpenRollout, ids: readonly string[]): Promise<void> {
    const { store, clock, log, sessions, selection, onJoined } = this.#options;
    try {
      const { id, selector: text } = rollout;
      const strangers = await store.read('strangersTo', { rollout: id, instanceIds: ids });
      for (const instanceId of await selection.among(selectorOf(text), strangers)) {
        const isConnected = sessions.of(instanceId) !== null;
        const asked = { rollout: id, instanceId, isConnected, nowMs: clock.nowMs() };
        if (await store.write('joinRollout', asked)) onJoined();
      }
    } catch (error) {
      log.error('late joiners were not taken along; the next look tries again', { err: error });
    }
  }
}
