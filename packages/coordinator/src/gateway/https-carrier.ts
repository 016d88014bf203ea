/*
 * A session's frames over HTTPS requests: the agent posts its own, and asks again and again for the coordinator's. Each
 * request says how many frames went that way before it: what was lost, repeated or overtaken on the way ends the
 * session, as a broken socket would, and nothing is ever sent anew (S2).
 */
import { CodedError } from '@moult/core/errors';
import {
  HTTPS_BODY_BYTES_MAX,
  HTTPS_BODY_FRAMES_MAX,
  HTTPS_POLL_MS,
  splitFrames,
} from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Carrier, CarrierListener } from './carrier.ts';
import type { TimerWheel, WheelItem } from './timer-wheel.ts';

/** Length of a frame in a body: a varint of at most three bytes. */
const LENGTH_BYTES_MAX = 3;
/** What a session reads of bytes that cannot be cut into frames: a frame that it cannot read either. */
const UNREADABLE = new Uint8Array(0);

export interface HttpsCarrierOptions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  /** Exporter value of the connection on which the session was opened. */
  readonly binding: () => string;
  readonly onEnded: () => void;
}

export class HttpsCarrier implements Carrier, WheelItem {
  readonly kind = 'https';
  wheelBucket = 0;
  readonly #options: HttpsCarrierOptions;
  #listener: CarrierListener | null = null;
  /** Frames that were taken from the agent, and that were given to it. */
  #taken = 0;
  #given = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** In the last answer, of which the next question says that it arrived. */
  #unconfirmedBytes = 0;
  #poll: ((frames: readonly Uint8Array[]) => void) | null = null;
  #isTaking = false;
  #arrived: readonly Uint8Array[] = [];
  #whenTaken: (() => void) | null = null;
  #isPaused = false;
  #isClosing = false;
  #isEnded = false;

  constructor(options: HttpsCarrierOptions) {
    this.#options = options;
  }

  listen(listener: CarrierListener): void {
    this.#listener = listener;
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosing || this.#isEnded) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    // What is said in one go travels in one answer.
    queueMicrotask(() => this.#answer());
  }

  /** What is said in one go does already. */
  together(work: () => void): void {
    work();
  }

  close(): void {
    this.#isClosing = true;
    this.#arrived = [];
    this.#whenTaken?.();
    queueMicrotask(() => this.#answer());
  }

  terminate(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#arrived = [];
    this.#whenTaken?.();
    this.#options.wheel.clear(this);
    this.#poll?.([]);
    this.#poll = null;
    this.#options.onEnded();
    this.#listener?.onEnded();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliver();
  }

  get bufferedBytes(): number {
    return this.#waitingBytes + this.#unconfirmedBytes;
  }

  channelBinding(): string {
    return this.#options.binding();
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Begins to take a body whose frames follow on so many. Throws `session-broken`, `session-unknown`. */
  beginTaking(sentBefore: number): void {
    if (this.#isEnded) throw sessionOver();
    // What comes while the goodbye is on its way is dropped, and must not take it along.
    if (this.#isClosing) return;
    if (this.#isTaking || sentBefore !== this.#taken) throw this.#broken('a request');
    this.#isTaking = true;
  }

  /** Bytes of that body, as they come. False: no more of them are wanted. */
  arriving(byteCount: number): boolean {
    this.#listener?.onArriving(byteCount);
    return !this.#isClosing && !this.#isEnded;
  }

  /** Resolves when the session has room for more. */
  async take(body: Uint8Array): Promise<void> {
    if (this.#isClosing || this.#isEnded) return;
    const frames = splitFrames(body) ?? [UNREADABLE];
    this.#taken += frames.length;
    this.#arrived = frames;
    await new Promise<void>((resolve) => {
      this.#whenTaken = resolve;
      this.#deliver();
    });
    this.#whenTaken = null;
    this.#isTaking = false;
  }

  /** The next frames; none after 20 s without one. Throws `session-broken`, `session-unknown`. */
  async next(takenBefore: number): Promise<readonly Uint8Array[]> {
    if (this.#isEnded) throw sessionOver();
    if (this.#poll !== null || takenBefore !== this.#given) {
      throw this.#broken('an answer');
    }
    this.#unconfirmedBytes = 0;
    const { wheel, clock } = this.#options;
    wheel.set(this, clock.monotonicMs() + HTTPS_POLL_MS);
    const frames = await new Promise<readonly Uint8Array[]>((resolve) => {
      this.#poll = resolve;
      this.#answer();
    });
    if (this.#isEnded) throw sessionOver();
    return frames;
  }

  /** The answer to `next` has left whole. */
  answered(): void {
    if (this.#isClosing && this.#waiting.length === 0) this.terminate();
  }

  onDeadline(): void {
    this.#give([]);
  }

  #deliver(): void {
    while (!this.#isPaused && !this.#isClosing && !this.#isEnded) {
      const [frame, ...rest] = this.#arrived;
      if (frame === undefined) break;
      this.#arrived = rest;
      this.#listener?.onBytes(frame, true);
    }
    if (this.#arrived.length === 0) this.#whenTaken?.();
  }

  #answer(): void {
    if (this.#poll === null || (this.#waiting.length === 0 && !this.#isClosing)) return;
    let bytes = 0;
    let count = 0;
    for (const frame of this.#waiting) {
      bytes += frame.length + LENGTH_BYTES_MAX;
      if (count === HTTPS_BODY_FRAMES_MAX || (count > 0 && bytes > HTTPS_BODY_BYTES_MAX)) break;
      count += 1;
    }
    this.#give(this.#waiting.splice(0, count));
  }

  #give(frames: readonly Uint8Array[]): void {
    const poll = this.#poll;
    if (poll === null) return;
    this.#options.wheel.clear(this);
    this.#poll = null;
    this.#given += frames.length;
    this.#unconfirmedBytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    this.#waitingBytes -= this.#unconfirmedBytes;
    poll(frames);
  }

  #broken(what: string): CodedError {
    this.terminate();
    return new CodedError(
      'session-broken',
      `${what} of this session was lost, repeated or overtaken`,
    );
  }
}

function sessionOver(): CodedError {
  return new CodedError('session-unknown', 'this session is over');
}
