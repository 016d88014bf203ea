import { Line } from './line.ts';
import { Question } from './question.ts';

/** One of many in a process: what the crowd asks of a light agent, and of a bare echo. */
export interface LightPeer {
  readonly isLive: boolean;
  readonly name: string;
  onAccepted: (() => void) | null;
  start(delayMs: number): void;
  /** One question; resolves with its answer. */
  ask(): Promise<void>;
  look(nowMs: number): void;
  end(): void;
}

/** What a peer tells of itself. */
export interface Peers {
  live(): void;
  /** It was live. */
  lost(): void;
  refused(reason: string): void;
}

/** As long as the protocol's question and its answer. */
const WORD = Buffer.from([34, 0]);

/** The baseline: a bare WebSocket that says a word and hears it again, kept up by the same rules. */
export class BarePeer implements LightPeer {
  readonly name = 'bare';
  readonly #line: Line;
  readonly #question = new Question();
  onAccepted: (() => void) | null = null;
  #onLive: (() => void) | null = null;

  constructor(of: { readonly url: string; readonly peers: Peers }) {
    this.#line = new Line(of.url, {
      onOpen: () => {
        this.#line.live();
        of.peers.live();
        this.#onLive?.();
      },
      onBytes: () => {
        this.#question.answered();
      },
      onClosed: (wasLive) => {
        this.#question.lost(this.name);
        if (wasLive) of.peers.lost();
      },
    });
  }

  get isLive(): boolean {
    return this.#line.isLive;
  }

  start(delayMs: number): void {
    this.#line.start(delayMs);
  }

  ask(): Promise<void> {
    return this.#question.ask(() => this.#line.send(WORD));
  }

  /** Resolves when it is connected again. */
  redial(): Promise<void> {
    return new Promise((resolve) => {
      this.#onLive = resolve;
      this.#line.redial();
    });
  }

  /** Nobody pings it: silence means nothing. */
  look(): void {}

  end(): void {
    this.#line.end();
  }
}
