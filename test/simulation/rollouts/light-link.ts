/* A connection of a light agent: frames keep their order and take a moment; a broken one tells nobody at once. */
import type { AgentFrame, CoordinatorFrame } from '@moult/protocol';
import type { ServerEnd, ServerListener } from '../network.ts';
import type { Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';

export interface LightLinkOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly accept: (end: ServerEnd) => ServerListener;
  readonly onFrame: (frame: CoordinatorFrame) => void;
  readonly onClosed: (code: number) => void;
}

const DELAY_MS_MAX = 40;
const ABNORMAL = 1006;
/** The other side notices by its own timers, or the operating system's. */
const NOTICED_MS = { shortest: 10, longest: 60_000 } as const;

export class LightLink {
  readonly #options: LightLinkOptions;
  #listener: ServerListener | null = null;
  #isOver = false;
  #upMs = 0;
  #downMs = 0;

  constructor(options: LightLinkOptions) {
    this.#options = options;
    const end: ServerEnd = {
      name: 'light',
      send: (frame) => this.#down(() => options.onFrame(frame)),
      together: (work) => work(),
      close: (code) => this.#down(() => this.#end(code)),
    };
    this.#listener = options.accept(end);
  }

  send(frame: AgentFrame): void {
    const { scheduler } = this.#options;
    this.#upMs = Math.max(this.#upMs, scheduler.nowMs) + this.#delayMs();
    scheduler.after(this.#upMs - scheduler.nowMs, () => {
      if (!this.#isOver) this.#listener?.onFrame(frame);
    });
  }

  /** The agent's end: the coordinator notices soon, or late. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { scheduler, random } = this.#options;
    const ms = random.chance(0.8) ? 5 : random.spread(NOTICED_MS.shortest, NOTICED_MS.longest);
    scheduler.after(ms, () => this.#listener?.onClosed());
  }

  #down(deliver: () => void): void {
    const { scheduler } = this.#options;
    this.#downMs = Math.max(this.#downMs, scheduler.nowMs) + this.#delayMs();
    scheduler.after(this.#downMs - scheduler.nowMs, () => {
      if (!this.#isOver) deliver();
    });
  }

  #end(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.onClosed(code === 0 ? ABNORMAL : code);
  }

  #delayMs(): number {
    return this.#options.random.between(1, DELAY_MS_MAX);
  }
}
