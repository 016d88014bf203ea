/*
 * One connection that is kept up by the agents' own rules: backoff with full jitter, `retry_after` obeyed, dead after
 * 50 s without a word. It holds no timer but the one before a try: thousands of lines share one process.
 */

import { type Ending, endingOf, reconnectDelayMs } from '@moult/agent/backoff';
import { FRAME_BYTES_MAX, HANDSHAKE_MS_MAX, PONG_MS_MAX, SUBPROTOCOL } from '@moult/protocol';
import { WebSocket } from 'ws';

/** As in the agent's link: a session that lived so long was a good one. */
const GOOD_SESSION_MS = 10_000;
/** As in the agent's handshake: twice the coordinator's own deadline. */
const ANSWER_MS_MAX = 2 * HANDSHAKE_MS_MAX;

export interface LineOwner {
  onOpen(): void;
  onBytes(bytes: Buffer): void;
  onClosed(wasLive: boolean): void;
}

export class Line {
  readonly #url: string;
  readonly #owner: LineOwner;
  #socket: WebSocket | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isEnded = false;
  #failures = 0;
  #openedMs = 0;
  #heardMs = 0;
  #isRedialing = false;
  #isLive = false;
  /** What the other side said before it closed. */
  #goodbye: Ending | null = null;

  constructor(url: string, owner: LineOwner) {
    this.#url = url;
    this.#owner = owner;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** Connects for the first time after so long, and then for ever. */
  start(delayMs: number): void {
    this.#timer = setTimeout(() => this.#connect(), delayMs);
  }

  send(bytes: Uint8Array): void {
    this.#socket?.send(bytes);
  }

  /** The session is open: it counts as good when it lives long enough. */
  live(): void {
    this.#isLive = true;
  }

  /** It will close; the next try goes by this. */
  goodbye(ending: Ending): void {
    this.#goodbye = ending;
    this.#socket?.close(1000);
  }

  /** Another process takes over: this connection ends, and another is made at once. */
  redial(): void {
    this.#isRedialing = true;
    this.#socket?.close(1000);
  }

  /** Called now and then: cuts what has been silent for too long. */
  look(nowMs: number): void {
    if (this.#socket === null) return;
    const silentMs = nowMs - this.#heardMs;
    if (silentMs > (this.#isLive ? PONG_MS_MAX : ANSWER_MS_MAX)) this.#socket.terminate();
  }

  end(): void {
    this.#isEnded = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#socket?.terminate();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, [SUBPROTOCOL], {
      handshakeTimeout: HANDSHAKE_MS_MAX,
      maxPayload: FRAME_BYTES_MAX,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#socket = socket;
    this.#goodbye = null;
    this.#openedMs = performance.now();
    this.#heardMs = this.#openedMs;
    socket.on('open', () => this.#owner.onOpen());
    socket.on('message', (data) => {
      this.#heardMs = performance.now();
      this.#owner.onBytes(data as Buffer);
    });
    // `close` follows, with the same meaning.
    socket.on('error', () => undefined);
    socket.on('close', (code) => this.#closed(code));
  }

  #closed(code: number): void {
    this.#socket = null;
    const wasLive = this.#isLive;
    this.#isLive = false;
    this.#owner.onClosed(wasLive);
    if (this.#isEnded) return;
    if (this.#isRedialing) {
      this.#isRedialing = false;
      this.#connect();
      return;
    }
    if (wasLive && performance.now() - this.#openedMs >= GOOD_SESSION_MS) this.#failures = 0;
    const delayMs = reconnectDelayMs({
      failures: this.#failures,
      ending: endingOf(code, this.#goodbye),
      fraction: Math.random(),
    });
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connect(), delayMs);
  }
}
