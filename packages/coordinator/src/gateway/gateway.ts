/*
 * Where agents come in, whatever carries them: gives each carrier a session and every frame to the handshake or, once
 * it is live, to the queue. Limits come before anything else: bytes and time without a proof, sessions.
 */
import { type AgentFrame, HANDSHAKE_MS_MAX } from '@moult/protocol';
import { type Clock, everyMs } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import type { Store } from '@moult/store';
import type { Carrier, SessionOpener } from './carrier.ts';
import { Handshake } from './handshake.ts';
import { Session, type SessionOwner } from './session.ts';
import type { Sessions } from './sessions.ts';
import { TICK_MS, TimerWheel } from './timer-wheel.ts';
import { Turns } from './turns.ts';

/** Carriers without a proof: agents come back together after a restart, attackers come in any number. */
const UNPROVEN_MAX = 4_000;
/** Below the 20,000 open files that one process may have. */
const CONNECTIONS_MAX = 19_000;
const BUSY_RETRY_MS = 10_000;
/** Told to agents at a stop: a new process needs a moment. */
const STOP_RETRY_MS = 1_000;
/** last_seen of ended sessions is written in batches. */
const SEEN_FLUSH_MS = 5_000;

/** What live sessions bring. */
export interface LiveSessions {
  onLive(session: Session): void;
  onFrame(session: Session, frame: AgentFrame): Promise<void>;
  onEnded(session: Session): void;
}

export interface GatewayOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly version: string;
  readonly sessions: Sessions;
  readonly live: LiveSessions;
  readonly onNoticed: () => void;
  /** The session of an instance ended, and no newer one has taken its place. */
  readonly onLost?: (instanceId: string) => void;
}

export class Gateway implements SessionOwner, SessionOpener {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly wheel: TimerWheel;
  readonly turns: Turns = new Turns();
  readonly #options: GatewayOptions;
  readonly #handshake: Handshake;
  readonly #all = new Set<Session>();
  readonly #stop = new AbortController();
  #unproven = 0;
  #seen: string[] = [];
  #loops: Promise<unknown> = Promise.resolve();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.random = options.random;
    this.log = options.log;
    this.wheel = new TimerWheel(options.clock.monotonicMs());
    this.#handshake = new Handshake({
      ...options,
      wheel: this.wheel,
      turns: this.turns,
      onLive: (session) => {
        this.#unproven -= 1;
        options.live.onLive(session);
      },
    });
  }

  start(): void {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    this.#loops = Promise.all([
      everyMs(clock, TICK_MS, signal, () => this.wheel.tick(clock.monotonicMs())),
      everyMs(clock, SEEN_FLUSH_MS, signal, () => this.#flushSeen()),
    ]);
  }

  /** False: stopping, or stopped. */
  get isOpen(): boolean {
    return !this.#stop.signal.aborted;
  }

  /** Begins a session; what happens to it from here on is between it and its carrier. */
  open(carrier: Carrier): Session {
    const session = new Session(this, carrier);
    this.#all.add(session);
    this.#unproven += 1;
    if (!this.isOpen) session.close('shutting-down', STOP_RETRY_MS);
    else if (this.#unproven > UNPROVEN_MAX || this.#all.size > CONNECTIONS_MAX) {
      session.close('busy', BUSY_RETRY_MS);
    } else this.wheel.set(session, this.clock.monotonicMs() + HANDSHAKE_MS_MAX);
    return session;
  }

  get unprovenCount(): number {
    return this.#unproven;
  }

  async onFrame(session: Session, frame: AgentFrame): Promise<void> {
    if (session.phase !== 'live') return this.#handshake.onFrame(session, frame);
    // What a new session says first comes from thousands at once.
    if (session.lastReportHash === '') await this.turns.take();
    if (session.phase === 'live') await this.#options.live.onFrame(session, frame);
  }

  onEnded(session: Session): void {
    this.#all.delete(session);
    if (!session.wasLive) {
      this.#unproven -= 1;
      return;
    }
    if (!this.#options.sessions.remove(session, this.clock.nowMs())) return;
    this.#seen.push(session.instanceId);
    this.#options.onLost?.(session.instanceId);
    this.#options.live.onEnded(session);
  }

  /** Says goodbye to every session; sockets that do not close are cut by the server's own close. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    for (const session of [...this.#all]) session.close('shutting-down', STOP_RETRY_MS);
    this.#stop.abort();
    await this.#loops;
    await this.#flushSeen();
  }

  async #flushSeen(): Promise<void> {
    const instanceIds = this.#seen.splice(0, 500);
    if (instanceIds.length === 0) return;
    try {
      await this.#options.store.write('touchSeen', { instanceIds, nowMs: this.clock.nowMs() });
    } catch (error) {
      this.log.warn('last seen times were not stored', { err: error });
    }
  }
}
