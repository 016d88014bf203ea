/*
 * The one session to the coordinator: connected, lost, connected again, for ever. Others see it as `live` or not;
 * what they send into a lost session is lost with it, and they learn of the next one by `onLive`.
 */

import { codedErrorFrom } from '@moult/core/errors';
import type { AgentFrame, CoordinatorFrame } from '@moult/protocol';
import { PONG_MS_MAX } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Random } from '@moult/runtime/random';
import { isDiskTrouble, type SessionRow } from '../database/index.ts';
import type { Connection, Received, Self, Transport } from '../ports.ts';
import { type Ending, isAnswer, reconnectDelayMs } from './backoff.ts';
import { endIn, type HelloFacts, shakeHands, type Welcome } from './handshake.ts';

export interface LinkListener {
  /** A session is welcomed. Frames sent from here go out in order. */
  onLive(welcome: Welcome, commandNonce: string): void;
  onFrame(frame: CoordinatorFrame): void;
  onLost(): void;
}

type OwnFacts = Pick<
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
/** A session that lived so long was a good one: the next failure starts counting anew. */
const GOOD_SESSION_MS = 10_000;

export class Link {
  readonly #options: LinkOptions;
  #live: Connection | null = null;
  #answeredMs: number | null = null;
  #wake = new AbortController();
  #answers = new Set<() => void>();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get isLive(): boolean {
    return this.#live !== null;
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

  /** Ends the wait before the next try. */
  connectNow(): void {
    this.#wake.abort();
  }

  /** Resolves with true at the next authenticated answer, with false after `ms`. */
  async answered(ms: number, signal: AbortSignal): Promise<boolean> {
    const done = new AbortController();
    const heard = new Promise<boolean>((resolve) => {
      const told = () => resolve(true);
      this.#answers.add(told);
      done.signal.addEventListener('abort', () => this.#answers.delete(told));
    });
    const late = this.#options.clock
      .sleep(ms, AbortSignal.any([done.signal, signal]))
      .then(() => false);
    late.catch(() => undefined);
    try {
      return await Promise.race([heard, late]);
    } finally {
      done.abort();
    }
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs();
      const end = await this.#runOnce(signal);
      if (signal.aborted) return;
      if (isAnswer(end.ending.reason)) this.#heard();
      if (end.wasLive && clock.monotonicMs() - beganMs >= GOOD_SESSION_MS) failures = 0;
      const delayMs = reconnectDelayMs({
        failures,
        ending: end.ending,
        fraction: random.fraction(),
      });
      failures += 1;
      log.info('no session', {
        why: end.detail,
        reason: end.ending.reason ?? undefined,
        nextTryMs: delayMs,
      });
      this.#wake = new AbortController();
      await clock
        .sleep(delayMs, AbortSignal.any([signal, this.#wake.signal]))
        .catch(() => undefined);
    }
  }

  async #runOnce(signal: AbortSignal): Promise<SessionEnd> {
    let connection: Connection;
    try {
      connection = await this.#options.transport.connect(signal);
    } catch (error) {
      return { ending: NO_REASON, detail: codedErrorFrom(error).message, wasLive: false };
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
    this.#live = connection;
    this.#heard();
    log.info('session open', { coordinator: result.welcome.version, counter: seen.counter });
    listener.onLive(result.welcome, own.commandNonce);
    for (;;) {
      const received = await this.#nextWithin(connection, signal);
      if (received === null) {
        const detail = `nothing came for ${PONG_MS_MAX / 1_000} s`;
        return { ending: NO_REASON, detail, wasLive: true };
      }
      const end = endIn(received);
      if (end !== null) return { ...end, wasLive: true };
      if (received.kind === 'invalid') {
        return { ending: NO_REASON, detail: received.reason, wasLive: true };
      }
      this.#heard();
      if (received.kind === 'unsupported') {
        connection.send({ kind: 'unsupported', message: { field: received.field } });
      } else if (received.kind === 'frame') this.#take(connection, received.frame);
    }
  }

  #take(connection: Connection, frame: CoordinatorFrame): void {
    if (frame.kind === 'ping') connection.send({ kind: 'pong', message: { id: frame.message.id } });
    else this.#options.listener.onFrame(frame);
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
    for (const told of [...this.#answers]) told();
  }
}

interface SessionEnd {
  readonly ending: Ending;
  readonly detail: string;
  readonly wasLive: boolean;
}

const NO_REASON: Ending = { reason: null, retryAfterMs: 0 };
