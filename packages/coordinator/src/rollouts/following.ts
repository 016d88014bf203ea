/*
 * Keeps the fleet's default with the coordinator's own version (H2), where nobody has chosen another. Level-triggered: the
 * release may be published, a choice taken back, or maintenance ended at any time.
 */
import { CodedError } from '@moult/core/errors';
import { type Clock, everyMs } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Store } from '@moult/store';
import type { Sessions } from '../gateway/sessions.ts';
import type { Dispatcher } from '../queue/dispatcher.ts';
import { issueWantedOf } from './issuing.ts';
import type { Rollouts } from './rollouts.ts';

const LOOK_MS = 5_000;

export interface FollowingOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly sessions: Sessions;
  readonly dispatcher: Dispatcher;
  readonly rollouts: Pick<Rollouts, 'changed'>;
  /** The coordinator's own. */
  readonly version: string;
}

export class Following {
  readonly #options: FollowingOptions;
  readonly #stop = new AbortController();
  #loop: Promise<unknown> = Promise.resolve();
  /** Said once: what stands against it may stand for days. */
  #said = '';

  constructor(options: FollowingOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock } = this.#options;
    this.#loop = everyMs(clock, LOOK_MS, this.#stop.signal, () => this.#look());
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #look(): Promise<void> {
    const { store, clock, log, sessions, dispatcher, rollouts, version } = this.#options;
    const asked = { version, nowMs: clock.nowMs() };
    try {
      if (!(await store.read('isFollowingDue', asked))) return;
      const connected = sessions.instanceIds();
      const chosen = await store.write('followCoordinator', { ...asked, connected });
      if (chosen === null) return;
      log.info('the fleet follows the version of this coordinator', {
        version,
        rollout: chosen.rollout?.name ?? null,
      });
      const issued = await issueWantedOf(this.#options, { scope: 'fleet', subject: '' });
      await rollouts.changed();
      for (const command of issued) dispatcher.touch(command.instance_id);
    } catch (error) {
      this.#sayOnce(error);
    }
  }

  #sayOnce(error: unknown): void {
    const said = error instanceof Error ? error.message : String(error);
    if (said === this.#said) return;
    this.#said = said;
    const { log, version } = this.#options;
    const text = 'the fleet cannot follow the version of this coordinator';
    if (error instanceof CodedError) log.warn(text, { version, code: error.code, why: said });
    else log.error(text, { version, err: error });
  }
}
