/*
 * What the agent says of itself, coalesced: however much changes, one report goes out at most every 200 ms, and one a
 * minute when nothing does. Reports are states, not events: a lost one is made good by the next.
 */
import type { AgentFrame, Report } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import { Bell, pause } from './waiting.ts';

const SHORTEST_MS = 200;
const LONGEST_MS = 60_000;

export class Reporter {
  readonly #clock: Clock;
  readonly #send: (frame: AgentFrame) => boolean;
  readonly #compose: () => Report;
  readonly #changed = new Bell();
  #isDue = false;
  #sentMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    readonly clock: Clock;
    readonly send: (frame: AgentFrame) => boolean;
    readonly compose: () => Report;
  }) {
    this.#clock = options.clock;
    this.#send = options.send;
    this.#compose = options.compose;
  }

  changed(): void {
    this.#isDue = true;
    this.#changed.ring();
  }

  /** Sends at once, whatever went out before: a new session knows nothing. */
  now(): void {
    if (!this.#send({ kind: 'report', message: this.#compose() })) return;
    this.#isDue = false;
    this.#sentMs = this.#clock.monotonicMs();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#isDue) await this.#waitForChange(signal);
      const leftMs = this.#sentMs + SHORTEST_MS - this.#clock.monotonicMs();
      if (leftMs > 0 && !(await pause(this.#clock, leftMs, signal))) return;
      this.#isDue = false;
      this.now();
    }
  }

  async #waitForChange(signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([done.signal, signal]);
    await Promise.race([
      this.#changed.next(either).catch(() => undefined),
      pause(this.#clock, LONGEST_MS, either),
    ]);
    done.abort();
  }
}
