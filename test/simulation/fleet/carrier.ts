/*
 * The real gateway's end of a simulated connection. Frames pass the real codec both ways; where the fleet's network
 * is unruly they are lost, doubled, or overtake each other, which no connection does, and nothing may break over it.
 */
import { decodeCoordinatorFrame, encodeAgentFrame } from '@moult/protocol';
import type {
  Carrier,
  CarrierListener,
} from '../../../packages/coordinator/src/gateway/carrier.ts';
import type { ServerEnd, ServerListener } from '../network.ts';
import type { Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';

/** How unruly the network is at this moment. */
export interface Unruliness {
  isLossy: boolean;
  isDoubling: boolean;
  isReordering: boolean;
}

export interface SimCarrierOptions {
  readonly end: ServerEnd;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly unruliness: Unruliness;
  /** The coordinator's process is there. */
  readonly isAlive: () => boolean;
}

const LOSS = 0.1;
const DOUBLING = 0.2;
const REORDERING = 0.2;
const OVERTAKEN_MS = 400;
const ABNORMAL = 1006;

export class SimCarrier implements Carrier {
  readonly kind = 'web-socket' as const;
  readonly #options: SimCarrierOptions;
  #listener: CarrierListener | null = null;
  #isOver = false;
  #isPaused = false;
  #held: Uint8Array[] = [];

  constructor(options: SimCarrierOptions) {
    this.#options = options;
  }

  readonly bufferedBytes = 0;

  /** What the network calls. */
  get server(): ServerListener {
    return {
      onFrame: (frame) => this.#perhaps(() => this.#arrived(encodeAgentFrame(frame))),
      onClosed: () => this.#ended(),
    };
  }

  listen(listener: CarrierListener): void {
    this.#listener = listener;
  }

  send(bytes: Uint8Array): void {
    if (this.#isOver || !this.#options.isAlive()) return;
    const decoded = decodeCoordinatorFrame(bytes);
    if (decoded.kind !== 'frame') throw new Error(`the coordinator sends rubbish: ${decoded.kind}`);
    this.#perhaps(() => this.#options.end.send(decoded.frame));
  }

  together(work: () => void): void {
    this.#options.end.together(work);
  }

  close(code: number): void {
    if (this.#isOver || !this.#options.isAlive()) return;
    this.#options.end.close(code);
    this.#ended();
  }

  terminate(): void {
    this.close(ABNORMAL);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const bytes of this.#held.splice(0)) this.#arrived(bytes);
  }

  channelBinding(): string {
    return '';
  }

  /** The coordinator's process is gone: its end of the connection with it. */
  cut(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.end.close(ABNORMAL);
  }

  #perhaps(pass: () => void): void {
    const { random, scheduler, unruliness } = this.#options;
    if (unruliness.isLossy && random.chance(LOSS)) return;
    if (unruliness.isReordering && random.chance(REORDERING)) {
      scheduler.after(random.spread(1, OVERTAKEN_MS), pass);
    } else pass();
    if (unruliness.isDoubling && random.chance(DOUBLING)) pass();
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#isOver || !this.#options.isAlive()) return;
    if (this.#isPaused) this.#held.push(bytes);
    else this.#listener?.onBytes(bytes, true);
  }

  #ended(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#options.isAlive()) this.#listener?.onEnded();
  }
}
