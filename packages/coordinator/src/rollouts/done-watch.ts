/*
 * Looks at those that rollouts have upgraded, while these are active (RO36): whether they are there, show what they were given,
 * and keep their sessions. Core judges; the store judges again as it writes. What is kept here of lost sessions is a hint: a
 * coordinator that starts knows of none, and a version that crashes loses some more.
 */
import { afterCommitOf, LOSSES_WITHIN_MS } from '@moult/core/rollout';
import { type Clock, everyMs } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Store } from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';

/** A version that crashes at once is seen within the minute. */
const LOOK_MS = 10_000;
/** Of one agent: more say nothing more. */
const LOSSES_KEPT = 10;

export interface DoneWatchOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sessions: Sessions;
  /** Somebody is no longer what it was. */
  readonly onChanged: () => void;
}

export class DoneWatch {
  readonly #options: DoneWatchOptions;
  readonly #listeningSinceMs: number;
  readonly #stop = new AbortController();
  /** When sessions ended, by instance; old ones go at each look. */
  readonly #losses = new Map<string, readonly number[]>();
  #loop: Promise<unknown> = Promise.resolve();

  constructor(options: DoneWatchOptions) {
    this.#options = options;
    this.#listeningSinceMs = options.clock.nowMs();
  }

  start(): void {
    this.#loop = everyMs(this.#options.clock, LOOK_MS, this.#stop.signal, () => this.#tryLook());
  }

  /** Its session ended. */
  lost(instanceId: string): void {
    const before = this.#losses.get(instanceId) ?? [];
    this.#losses.set(instanceId, [...before.slice(1 - LOSSES_KEPT), this.#options.clock.nowMs()]);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #tryLook(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      this.#options.log.error('upgraded agents could not be looked at; it is tried again', {
        err: error,
      });
    }
  }

  async #look(): Promise<void> {
    const { store, clock, sessions, onChanged } = this.#options;
    const nowMs = clock.nowMs();
    this.#forget(nowMs);
    let isAny = false;
    for (const done of await store.read('doneMembers', null)) {
      const { rolloutId, instanceId, endedMs, isDone } = done;
      const isAway = sessions.of(instanceId) === null;
      const leftMs = sessions.leftMs(instanceId) ?? 0;
      const seenMs = Math.max(done.lastSeenMs, this.#listeningSinceMs, leftMs);
      const awaySinceMs = isAway ? seenMs : null;
      const lossesMs = (this.#losses.get(instanceId) ?? []).filter((atMs) => atMs > endedMs);
      const awayMs = awaySinceMs === null ? null : nowMs - awaySinceMs;
      const { kind } = afterCommitOf({ ...done, awayMs, lossesMs }, nowMs);
      if (kind === (isDone ? 'good' : 'gone')) continue;
      await store.write('judgeDone', { rolloutId, instanceId, awaySinceMs, lossesMs, nowMs });
      isAny = true;
    }
    if (isAny) onChanged();
  }

  #forget(nowMs: number): void {
    for (const [id, losses] of this.#losses) {
      if (nowMs - (losses.at(-1) ?? 0) >= LOSSES_WITHIN_MS) this.#losses.delete(id);
    }
  }
}
