/*
 * The one session to the coordinator: connected, lost, connected again, for ever. Others see it as `live` or not;
 * what they send into a lost session is lost with it, and they learn of the next one by `onLive`.
 */

import { codedErrorFrom } from '@moult/core/errors';
import type { AgentFrame, CommandMessage, CoordinatorFrame } from '@moult/protocol';
import { type CloseReasonName, PONG_MS_MAX } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import { isDiskTrouble, type SessionRow } from '../database/index.ts';
import type { Connection, Received, Self, Transport } from '../ports.ts';
import { Bell, pause } from '../waiting.ts';
import { type Ending, isAnswer, reconnectDelayMs } from './backoff.ts';
import { GOOD_SESSION_MS } from './fallback.ts';
import { endIn, type HelloFacts, shakeHands, type Welcome } from './handshake.ts';
import type { NoSession } from './session-notes.ts';

export type OtherFrame = Exclude<CoordinatorFrame, { readonly kind: 'command' }>;

export interface LinkListener {
  /** A session is welcomed. Frames sent from here go out in order. */
  onLive(welcome: Welcome, commandNonce: string): void;
  /** Those that arrived together, in order: whoever was away for a second has a dozen of them. */
  onCommands(commands: readonly CommandMessage[]): void;
  onFrame(frame: OtherFrame): void;
  onLost(): void;
  /** There is no session, and why; said before each wait for the next try. */
  onNoSession(trouble: NoSession): void;
}

export type OwnFacts = Pick<
  HelloFacts,
  'version' | 'digest' | 'commandNonce' | 'launcherVersion' | 'launcherDigest'
>;

export interface LinkOptions {
  readonly transport: Transport;
  readonly self: Self;
  readonly session: SessionRow;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Asked at each connection: the nonce changes with the upgrade. */
  readonly ownFacts: () => OwnFacts;
  readonly listener: LinkListener;
}

/** An authenticated answer older than this says nothing about now (core, `heartbeat.reached`). */
const REACHED_MS_MAX = 90_000;
/** DNS, TCP, TLS and the upgrade to a WebSocket; with the handshake behind it less than a dial may take. */
const CONNECT_MS_MAX = 15_000;
/** Between two tries while the launcher waits for the answer to its dial. */
const DIAL_RETRY_MS = 2_000;

export class Link {
  readonly #options: LinkOptions;
  #live: Connection | null = null;
  #sessions = 0;
  /** What the coordinator's clock said, and this host's monotonic one. */
  #told: { readonly nowMs: number; readonly atMs: number } | null = null;
  #answeredMs: number | null = null;
  /** Ends the wait behind the present try. */
  #wake = new AbortController();
  #dials = 0;
  readonly #answers = new Bell();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get isLive(): boolean {
    return this.#live !== null;
  }

  /** Of the live session, counted from the process's start; null: there is none. */
  get sessionNumber(): number | null {
    return this.isLive ? this.#sessions : null;
  }

  /** Of this host, ahead of the coordinator, as the last session has shown; null: there was none. */
  get clockAheadMs(): number | null {
    if (this.#told === null) return null;
    const { clock } = this.#options;
    // It may have been set since.
    return clock.nowMs() - (this.#told.nowMs + clock.monotonicMs() - this.#told.atMs);
  }

  /** An authenticated answer of the coordinator, also *busy*, is at most 90 s old. */
  get reached(): boolean {
    return (
      this.#answeredMs !== null &&
      this.#options.clock.monotonicMs() - this.#answeredMs <= REACHED_MS_MAX
    );
  }

  /** False: there is no session to send it on. */
  send(frame: AgentFrame): boolean {
    if (this.#live === null) return false;
    this.#live.send(frame);
    return true;
  }

  /** The hourly question; `isFirst`: of a session that has just begun. */
  check(isFirst: boolean): void {
    this.send({ kind: 'check', message: { isFirst } });
  }

  /** Tries at once, and again and again, until the coordinator has answered (true) or the signal aborts (false). */
  async dial(signal: AbortSignal): Promise<boolean> {
    if (this.isLive) return this.reached;
    this.#dials += 1;
    this.#wake.abort();
    try {
      await this.#answers.next(signal);
      return true;
    } catch {
      return false;
    } finally {
      this.#dials -= 1;
    }
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs();
      this.#wake = new AbortController();
      const end = await this.#runOnce(signal);
      if (signal.aborted) return;
      if (isAnswer(end.ending.reason)) this.#heard();
      if (end.wasLive && clock.monotonicMs() - beganMs >= GOOD_SESSION_MS) failures = 0;
      const advisedMs = reconnectDelayMs({
        failures,
        ending: end.ending,
        fraction: random.fraction(),
      });
      // Who is dialled has not much time; a coordinator that said why it ends a session is not pressed.
      const isPressed = this.#dials > 0 && end.ending.reason === null;
      const delayMs = isPressed ? Math.min(advisedMs, DIAL_RETRY_MS) : advisedMs;
      failures += 1;
      const missed = noSessionOf(end);
      this.#keep(missed);
      log.info('no session', {
        code: missed.code,
        why: end.detail,
        reason: end.ending.reason ?? undefined,
        nextTryMs: delayMs,
      });
      await clock
        .sleep(delayMs, AbortSignal.any([signal, this.#wake.signal]))
        .catch(() => undefined);
    }
  }

  /** For people to read: a disk that does not take it changes nothing else. */
  #keep(trouble: NoSession): void {
    try {
      this.#options.listener.onNoSession(trouble);
    } catch (error) {
      if (!isDiskTrouble(error)) throw error;
    }
  }

  async #runOnce(signal: AbortSignal): Promise<SessionEnd> {
    let connection: Connection;
    try {
      connection = await this.#connect(signal);
    } catch (error) {
      const { code, message } = codedErrorFrom(error);
      // That there is no session says the rest; what stands in between has a name of its own.
      const detail = code.startsWith('proxy-') ? `${code}: ${message}` : message;
      return { ending: NO_REASON, detail, wasLive: false };
    }
    try {
      return await this.#converse(connection, signal);
    } catch (error) {
      if (signal.aborted) return { ending: NO_REASON, detail: 'stopped', wasLive: false };
      // T24: what could not be kept was not answered either; the next session brings it again.
      if (!isDiskTrouble(error)) throw error;
      const detail = `the state cannot be written: ${codedErrorFrom(error).message}`;
      return { ending: NO_REASON, detail, wasLive: false };
    } finally {
      connection.close();
      if (this.#live !== null) {
        this.#live = null;
        this.#options.listener.onLost();
      }
    }
  }

  /** However slowly somebody answers: a connection that does not come about is given up. */
  async #connect(signal: AbortSignal): Promise<Connection> {
    const { clock, transport } = this.#options;
    const done = new AbortController();
    const late = new AbortController();
    void pause(clock, CONNECT_MS_MAX, AbortSignal.any([signal, done.signal])).then((isOver) => {
      if (isOver) late.abort(new Error(`no connection within ${CONNECT_MS_MAX / 1_000} s`));
    });
    try {
      return await transport.connect(AbortSignal.any([signal, late.signal]));
    } finally {
      done.abort(new Error('connected, or not'));
    }
  }

  async #converse(connection: Connection, signal: AbortSignal): Promise<SessionEnd> {
    const { self, clock, session, ownFacts, listener, log } = this.#options;
    const own = ownFacts();
    // Durable before it is shown: a copy of this state can never show a counter that was not used up.
    const seen = session.raise();
    const facts: HelloFacts = {
      ...own,
      purpose: 'serve',
      counter: seen.counter,
      ticket: seen.ticket,
      generationSeen: seen.generation,
      positionSeen: seen.position,
    };
    const result = await shakeHands({ connection, self, facts, clock, signal });
    if (result.kind === 'ended') {
      return { ending: result.ending, detail: result.detail, wasLive: false };
    }
    session.welcome(result.welcome);
    const nowMs = clock.nowMs() - result.clockAheadMs;
    this.#told = { nowMs, atMs: clock.monotonicMs() };
    this.#live = connection;
    this.#sessions += 1;
    this.#heard();
    log.info('session open', { coordinator: result.welcome.version, counter: seen.counter });
    listener.onLive(result.welcome, own.commandNonce);
    for (;;) {
      const received = await this.#nextWithin(connection, signal);
      if (received === null) {
        const detail = `nothing came for ${PONG_MS_MAX / 1_000} s`;
        return { ending: NO_REASON, detail, wasLive: true };
      }
      const end = this.#take(connection, received);
      if (end !== null) return { ...end, wasLive: true };
    }
  }

  /** Takes what has arrived together with this, in order; the end of the session that is among it, null: none. */
  #take(connection: Connection, first: Received): Omit<SessionEnd, 'wasLive'> | null {
    const { listener } = this.#options;
    let commands: CommandMessage[] = [];
    const flush = () => {
      if (commands.length > 0) listener.onCommands(commands);
      commands = [];
    };
    for (let next: Received | null = first; next !== null; next = connection.arrived()) {
      if (next.kind === 'frame' && next.frame.kind === 'command') {
        this.#heard();
        commands.push(next.frame.message);
        continue;
      }
      flush();
      const end = this.#takeOther(connection, next);
      if (end !== null) return end;
    }
    flush();
    return null;
  }

  #takeOther(connection: Connection, received: Received): Omit<SessionEnd, 'wasLive'> | null {
    const end = endIn(received);
    if (end !== null) return end;
    if (received.kind === 'invalid') return { ending: NO_REASON, detail: received.reason };
    this.#heard();
    if (received.kind === 'unsupported') {
      connection.send({ kind: 'unsupported', message: { field: received.field } });
    } else if (received.kind === 'frame') this.#takeFrame(connection, received.frame);
    return null;
  }

  #takeFrame(connection: Connection, frame: CoordinatorFrame): void {
    if (frame.kind === 'ping') connection.send({ kind: 'pong', message: { id: frame.message.id } });
    else if (frame.kind !== 'command') this.#options.listener.onFrame(frame);
  }

  /** Null: nothing came for so long that the connection is dead; pings come every 20 s. */
  async #nextWithin(connection: Connection, signal: AbortSignal): Promise<Received | null> {
    const done = new AbortController();
    const late = new AbortController();
    this.#options.clock.sleep(PONG_MS_MAX, AbortSignal.any([done.signal, signal])).then(
      () => late.abort(),
      () => undefined,
    );
    try {
      return await connection.next(AbortSignal.any([signal, late.signal]));
    } catch (error) {
      if (late.signal.aborted && !signal.aborted) return null;
      throw error;
    } finally {
      done.abort();
    }
  }

  #heard(): void {
    this.#answeredMs = this.#options.clock.monotonicMs();
    this.#answers.ring();
  }
}

interface SessionEnd {
  readonly ending: Ending;
  readonly detail: string;
  readonly wasLive: boolean;
}

const NO_REASON: Ending = { reason: null, retryAfterMs: 0 };

/** H17: what a coordinator says of this very agent is a refusal; all else means that it could not be asked. */
function noSessionOf(end: SessionEnd): NoSession {
  const { reason } = end.ending;
  const isRefusal = reason !== null && REFUSALS.has(reason);
  const code = isRefusal ? 'session-refused' : 'desired-version-unavailable';
  return { code, message: end.detail };
}

const REFUSALS: ReadonlySet<CloseReasonName> = new Set([
  'not-enrolled',
  'proof-failed',
  'quarantined',
  'decommissioned',
]);
