/*
 * One connection of an agent, over whatever carries it. Frames are handled in their order, one after another but for those
 * that share a commit; a peer that sends faster than they are handled, or reads slower than it is sent to, is slowed down or
 * sent away: memory stays bounded.
 */

import { codedErrorFrom } from '@moult/core/errors';
import {
  type AgentFrame,
  CLOSE_REASONS,
  type CloseReasonName,
  type CoordinatorFrame,
  type Decoded,
  decodeAgentFrame,
  encodeCoordinatorFrame,
  FRAME_BYTES_MAX,
  HANDSHAKE_BYTES_MAX,
  type Hello,
  PING_MS,
  PONG_MS_MAX,
} from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import type { Carrier, CarrierKind } from './carrier.ts';
import type { TimerWheel, WheelItem } from './timer-wheel.ts';

/** Frames that wait for their turn before the carrier is paused, and when it goes on. */
const PENDING_MAX = 32;
const PENDING_RESUME = 8;
/** The same in bytes: thousands of hosts may come with full outboxes, and a frame of output is large. */
const PENDING_BYTES_MAX = FRAME_BYTES_MAX;
/**
 * S7. What an agent says of its commands, dozens of times a second where it has many tasks: one commit for those that came
 * together, and for a batch of output behind them, instead of one for each. Writes are taken in the order in which they began.
 * Two batches of output never share one: if the first could not be stored, the second must not be.
 */
const JOINT: ReadonlySet<AgentFrame['kind']> = new Set(['accept', 'progress']);
/** What may wait in the carrier: one frame of the largest kind and some small ones. */
const OUTGOING_BYTES_MAX = 2 * FRAME_BYTES_MAX;
/** Pings of a restarted coordinator must not come together. */
const PING_JITTER = 0.2;
/** From our close to the peer's; after it the carrier is cut. */
const CLOSE_MS_MAX = 3_000;

export type SessionPhase = 'hello' | 'prove' | 'live' | 'probe' | 'closed';

/** What the gateway does with a session's frames and its end. */
export interface SessionOwner {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly wheel: TimerWheel;
  onFrame(session: Session, frame: AgentFrame): Promise<void>;
  onEnded(session: Session): void;
}

export interface AttemptOnTrial {
  readonly commandId: string;
  readonly attempt: number;
  /** Null: attested. Else why the new version was rejected. */
  readonly rejected: string | null;
}

interface PendingFrame {
  readonly frame: AgentFrame;
  readonly bytes: number;
}

export class Session implements WheelItem {
  wheelBucket = 0;
  phase: SessionPhase = 'hello';
  /** Proven once the phase is live or probe; what a message says never changes it (identity is the session's). */
  instanceId = '';
  agentName = '';
  hello: Hello | null = null;
  nonce = '';
  trial: AttemptOnTrial | null = null;
  /** Shown in its hello, and of no command of this store; empty: there is none. */
  unknownNonce = '';
  canCleanUp = false;
  /** A command went out on this session: its end takes back what was not answered. */
  hasSentCommands = false;
  /** Of the last report that was stored: the same one again is not. */
  lastReportHash = '';
  sinceMs = 0;
  readonly #owner: SessionOwner;
  readonly #carrier: Carrier;
  #pending: PendingFrame[] = [];
  #pendingBytes = 0;
  #isHandling = false;
  #isPaused = false;
  /** Off the wire before the proof. */
  #unprovenBytes = 0;
  #lastPongMs: number;
  #pingId = 0;

  constructor(owner: SessionOwner, carrier: Carrier) {
    this.#owner = owner;
    this.#carrier = carrier;
    this.#lastPongMs = owner.clock.monotonicMs();
    carrier.listen({
      onBytes: (bytes, isBinary) => this.#received(bytes, isBinary),
      onArriving: (byteCount) => this.#arriving(byteCount),
      onEnded: () => this.#ended(),
    });
  }

  get carrierKind(): CarrierKind {
    return this.#carrier.kind;
  }

  /** A proven serve session, or one that has ended. */
  get wasLive(): boolean {
    return this.sinceMs !== 0;
  }

  /** RFC 9266 tls-exporter of this connection, hex; empty without TLS. */
  channelBinding(): string {
    return this.#carrier.channelBinding();
  }

  /** False: it has ended, or reads too slowly and is sent away. */
  send(frame: CoordinatorFrame): boolean {
    if (this.phase === 'closed') return false;
    if (this.#carrier.bufferedBytes > OUTGOING_BYTES_MAX) {
      this.close('too-slow');
      return false;
    }
    this.#carrier.send(encodeCoordinatorFrame(frame));
    return true;
  }

  /** False: not all of them were sent. */
  sendAll(frames: readonly CoordinatorFrame[]): boolean {
    let isSent = true;
    this.#carrier.together(() => {
      for (const frame of frames) isSent &&= this.send(frame);
    });
    return isSent;
  }

  goLive(): void {
    this.phase = 'live';
    this.sinceMs = this.#owner.clock.nowMs();
    this.#lastPongMs = this.#owner.clock.monotonicMs();
    this.#schedulePing();
  }

  close(reason: CloseReasonName, retryAfterMs = 0): void {
    if (this.phase === 'closed') return;
    this.#carrier.send(
      encodeCoordinatorFrame({ kind: 'goodbye', message: { reason, retryAfterMs } }),
    );
    this.#carrier.close(CLOSE_REASONS[reason].code, reason);
    this.#leave();
    this.#owner.wheel.set(this, this.#owner.clock.monotonicMs() + CLOSE_MS_MAX);
    if (this.#isPaused) this.#carrier.resume();
  }

  onDeadline(nowMs: number): void {
    switch (this.phase) {
      case 'closed':
        this.#carrier.terminate();
        return;
      case 'hello':
      case 'prove':
      case 'probe':
        this.close('handshake-timeout');
        return;
      case 'live':
        if (nowMs - this.#lastPongMs >= PONG_MS_MAX) {
          this.close('no-pong');
          return;
        }
        this.#pingId += 1;
        if (this.send({ kind: 'ping', message: { id: this.#pingId } })) this.#schedulePing();
    }
  }

  #schedulePing(): void {
    const { clock, random, wheel } = this.#owner;
    const jitter = 1 + PING_JITTER * (2 * random.fraction() - 1);
    wheel.set(this, clock.monotonicMs() + PING_MS * jitter);
  }

  /** A carrier gathers a whole large message first: without a proof the bytes themselves are counted (T17). */
  #arriving(byteCount: number): boolean {
    if (this.phase === 'live' || this.phase === 'closed') return false;
    this.#unprovenBytes += byteCount;
    if (this.#unprovenBytes > HANDSHAKE_BYTES_MAX) this.close('frame-too-large');
    return true;
  }

  #received(bytes: Uint8Array, isBinary: boolean): void {
    if (this.phase === 'closed') return;
    if (!isBinary) this.close('invalid-frame');
    else if (this.phase !== 'live' && bytes.length > HANDSHAKE_BYTES_MAX) {
      this.close('frame-too-large');
    } else this.#decoded(decodeAgentFrame(bytes), bytes.length);
  }

  #decoded(decoded: Decoded<AgentFrame>, bytes: number): void {
    switch (decoded.kind) {
      case 'invalid':
        this.close('invalid-frame');
        return;
      case 'too-large':
        this.close('frame-too-large');
        return;
      case 'unsupported':
        this.send({ kind: 'unsupported', message: { field: decoded.field } });
        return;
      case 'frame':
        if (decoded.frame.kind === 'pong' && this.phase === 'live') {
          this.#lastPongMs = this.#owner.clock.monotonicMs();
        } else this.#enqueue({ frame: decoded.frame, bytes });
    }
  }

  #enqueue(pending: PendingFrame): void {
    this.#pending.push(pending);
    this.#pendingBytes += pending.bytes;
    const isFull = this.#pending.length >= PENDING_MAX || this.#pendingBytes >= PENDING_BYTES_MAX;
    if (isFull && !this.#isPaused) {
      this.#isPaused = true;
      this.#carrier.pause();
    }
    if (!this.#isHandling) void this.#handleAll();
  }

  async #handleAll(): Promise<void> {
    this.#isHandling = true;
    while (this.phase !== 'closed') {
      const frames = this.#nextFrames();
      if (frames.length === 0) break;
      const hasRoom =
        this.#pending.length <= PENDING_RESUME && this.#pendingBytes < PENDING_BYTES_MAX;
      if (this.#isPaused && hasRoom) {
        this.#isPaused = false;
        this.#carrier.resume();
      }
      await Promise.all(frames.map((frame) => this.#handle(frame)));
    }
    this.#isHandling = false;
  }

  /** The next one, with those behind it that may share its commit: each begins its write before the one after it. */
  #nextFrames(): readonly AgentFrame[] {
    const frames: AgentFrame[] = [];
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      this.#pending.shift();
      this.#pendingBytes -= next.bytes;
      frames.push(next.frame);
      if (!JOINT.has(next.frame.kind)) break;
      const kind = this.#pending[0]?.frame.kind ?? 'hello';
      if (kind !== 'output' && !JOINT.has(kind)) break;
    }
    return frames;
  }

  async #handle(frame: AgentFrame): Promise<void> {
    try {
      await this.#owner.onFrame(this, frame);
    } catch (caught) {
      const { code, message } = codedErrorFrom(caught);
      this.#owner.log.error('a frame could not be handled', {
        agent: this.agentName,
        frame: frame.kind,
        code,
        err: caught,
        reason: message,
      });
      this.close('internal-error');
    }
  }

  #ended(): void {
    this.#leave();
    this.#owner.wheel.clear(this);
  }

  #leave(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.#pending = [];
    this.#owner.onEnded(this);
  }
}
