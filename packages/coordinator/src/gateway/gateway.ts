/*
 * The door of the agents: takes HTTP upgrades on one path, gives each connection a session and every frame to the
 * handshake or, once it is live, to the queue. Limits come before anything else: bytes and time without a proof, sessions.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type AgentFrame,
  FRAME_BYTES_MAX,
  HANDSHAKE_BYTES_MAX,
  HANDSHAKE_MS_MAX,
  SESSION_PATH,
  SUBPROTOCOL,
} from '@moult/protocol';
import { type Clock, everyMs } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import type { Store } from '@moult/store';
import { type WebSocket, WebSocketServer } from 'ws';
import { Handshake } from './handshake.ts';
import { Session, type SessionOwner } from './session.ts';
import type { Sessions } from './sessions.ts';
import { TICK_MS, TimerWheel } from './timer-wheel.ts';

/** A message in more pieces than this is made to cost memory. */
const FRAGMENTS_MAX = 16;
/** Sockets without a proof: agents come back together after a restart, attackers come in any number. */
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
}

export class Gateway implements SessionOwner {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly wheel: TimerWheel;
  readonly #options: GatewayOptions;
  readonly #handshake: Handshake;
  readonly #server: WebSocketServer;
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
      onLive: (session) => {
        this.#unproven -= 1;
        options.live.onLive(session);
      },
    });
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: FRAME_BYTES_MAX,
      maxFragments: FRAGMENTS_MAX,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
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

  /** Handler of the HTTP server's `upgrade`. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = request.url?.split('?')[0];
    const offered = request.headers['sec-websocket-protocol'] ?? '';
    const isOurs = offered.split(',').some((name) => name.trim() === SUBPROTOCOL);
    if (path !== SESSION_PATH) refuseUpgrade(socket, '404 Not Found');
    else if (!isOurs) refuseUpgrade(socket, '400 Bad Request');
    else if (this.#stop.signal.aborted) refuseUpgrade(socket, '503 Service Unavailable');
    else this.#accept(request, socket, head);
  }

  #accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#open(webSocket, socket));
  }

  get unprovenCount(): number {
    return this.#unproven;
  }

  async onFrame(session: Session, frame: AgentFrame): Promise<void> {
    if (session.phase === 'live') await this.#options.live.onFrame(session, frame);
    else await this.#handshake.onFrame(session, frame);
  }

  onEnded(session: Session): void {
    this.#all.delete(session);
    if (session.sinceMs === 0) {
      this.#unproven -= 1;
      return;
    }
    if (!this.#options.sessions.remove(session)) return;
    this.#seen.push(session.instanceId);
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

  #open(webSocket: WebSocket, raw: Duplex): void {
    const session = new Session(this, webSocket, raw);
    this.#all.add(session);
    this.#unproven += 1;
    if (this.#unproven > UNPROVEN_MAX || this.#all.size > CONNECTIONS_MAX) {
      session.close('busy', BUSY_RETRY_MS);
      return;
    }
    this.wheel.set(session, this.clock.monotonicMs() + HANDSHAKE_MS_MAX);
    limitUnproven(session, raw);
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

/** ws would gather a whole large message first: without a proof the bytes themselves are counted (T17). */
function limitUnproven(session: Session, raw: Duplex): void {
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (session.phase === 'live' || session.phase === 'closed') raw.off('data', count);
    else if (bytes > HANDSHAKE_BYTES_MAX) session.close('frame-too-large');
  };
  raw.on('data', count);
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.once('finish', () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
