/*
 * What the agent that runs has done with the version that is to come next: rehearsed, one at a time, and none outlives whoever
 * asked for it; and prepared. A launcher decides nothing by either and writes nothing down.
 */
import type { PipeRequest } from '@moult/core/boot';
import { messageOf } from './boot-store.ts';
import type { AgentProcess, LauncherPorts } from './ports.ts';

type RehearseMessage = Extract<PipeRequest, { readonly kind: 'rehearse' }>;
type PrepareMessage = Extract<PipeRequest, { readonly kind: 'prepare' }>;

export class NextVersion {
  readonly #options: Pick<LauncherPorts, 'disk' | 'spawner' | 'log'>;
  #running: AbortController | null = null;

  constructor(options: Pick<LauncherPorts, 'disk' | 'spawner' | 'log'>) {
    this.#options = options;
  }

  /** The one before it, of which nobody waits for the end any more, ends. */
  rehearse(message: RehearseMessage, asker: AgentProcess | null): void {
    this.end();
    if (asker === null) return;
    const running = new AbortController();
    this.#running = running;
    const { log } = this.#options;
    this.#carryOut(message, { asker, signal: running.signal }).catch((caught: unknown) => {
      if (running.signal.aborted) return;
      log.error('a rehearsal failed', { why: messageOf(caught) });
      this.#failed(asker, message, messageOf(caught));
    });
  }

  /** B20. Whoever asks is answered when it waits; that there is none only makes the next start take longer. */
  prepare({ id, slot }: PrepareMessage, asker: AgentProcess | null): void {
    const { spawner, log } = this.#options;
    spawner.prepare(slot).then(
      (trouble) => {
        if (trouble === null) asker?.send({ kind: 'done', id });
        else {
          log.warn('no process was prepared', { slot: slot.dir, why: trouble });
          asker?.send({ kind: 'failed', id, code: 'next-not-prepared', message: trouble });
        }
      },
      (caught: unknown) => log.error('no process was prepared', { why: messageOf(caught) }),
    );
  }

  end(): void {
    this.#running?.abort(new Error('nobody waits for the rehearsal any more'));
    this.#running = null;
  }

  async #carryOut(
    { id, slot }: RehearseMessage,
    of: { readonly asker: AgentProcess; readonly signal: AbortSignal },
  ): Promise<void> {
    const { disk, spawner, log } = this.#options;
    const { asker, signal } = of;
    const complete = await disk.completeSlots('agent');
    if (!complete.some((found) => found.digest === slot.digest && found.dir === slot.dir)) {
      const detail = `${slot.dir} is not a complete slot on this host`;
      asker.send({ kind: 'failed', id, code: 'boot-slot-incomplete', message: detail });
      return;
    }
    log.info('rehearsing', { slot: slot.dir });
    const result = await spawner.rehearse(slot, signal);
    if (signal.aborted) return;
    if (result.kind === 'not-started') {
      this.#failed(asker, { id }, result.message);
      return;
    }
    const { outcome, detail } = result;
    log.info(`rehearsal: ${outcome}`, { slot: slot.dir, ...(detail === '' ? {} : { detail }) });
    asker.send({ kind: 'rehearsed', id, outcome, detail });
  }

  #failed(asker: AgentProcess, { id }: Pick<RehearseMessage, 'id'>, message: string): void {
    asker.send({ kind: 'failed', id, code: 'rehearsal-not-started', message });
  }
}
