/*
 * The transport of a serving agent: over the WebSocket, and over HTTPS while that fails (session/fallback decides). It
 * watches its connections from outside, so that neither they nor the link above know of each other's carriers.
 */
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import { CLOSE_REASONS, type CloseReasonName, closeReasonOf } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { Connection, Received, Transport } from '../ports.ts';
import { pause } from '../waiting.ts';
import {
  type CarrierKind,
  type CarrierOutcome,
  type CarrierPast,
  carriersToTry,
  NO_PAST,
  outcomeOf,
  pastAfter,
  WEB_SOCKET_RETRY_MS,
} from './fallback.ts';

export interface FallbackTransportOptions {
  readonly transports: Readonly<Record<CarrierKind, Transport>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Of the 15 s that a link waits for a connection: a WebSocket that hangs must leave HTTPS its turn. */
const FIRST_MS_MAX = 7_000;
/** With these nobody was at the address at all: another way to the same one is no better. */
const ABSENT: readonly string[] = [
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
];

export class FallbackTransport implements Transport {
  readonly #options: FallbackTransportOptions;
  #past: CarrierPast = NO_PAST;

  constructor(options: FallbackTransportOptions) {
    this.#options = options;
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const { clock, log } = this.#options;
    const failures: CodedError[] = [];
    const carriers = carriersToTry(this.#past, clock.monotonicMs());
    for (const carrier of carriers) {
      try {
        const connection = await this.#connectOver(carrier, {
          isLast: carrier === carriers.at(-1),
          signal,
        });
        if (carrier === 'https') log.info('the WebSocket fails: over HTTPS instead');
        return this.#watched(connection, carrier);
      } catch (caught) {
        const error = codedErrorFrom(caught);
        this.#ended(carrier, isAbsent(error) ? 'absent' : 'failed');
        signal.throwIfAborted();
        failures.push(error);
      }
    }
    const [first, ...rest] = failures;
    // Both ways lead through one proxy: what is wrong with it is said once, under its own name.
    if (first !== undefined && rest.every(({ message }) => message === first.message)) throw first;
    const why = failures.map(({ message }) => message).join('; ');
    throw new CodedError('coordinator-unreachable', why, { cause: first });
  }

  async #connectOver(
    carrier: CarrierKind,
    of: { readonly isLast: boolean; readonly signal: AbortSignal },
  ): Promise<Connection> {
    const { clock, transports } = this.#options;
    if (of.isLast) return await transports[carrier].connect(of.signal);
    const done = new AbortController();
    const late = new AbortController();
    void pause(clock, FIRST_MS_MAX, AbortSignal.any([of.signal, done.signal])).then((isOver) => {
      if (isOver) late.abort(new Error(`no connection within ${FIRST_MS_MAX / 1_000} s`));
    });
    try {
      return await transports[carrier].connect(AbortSignal.any([of.signal, late.signal]));
    } finally {
      done.abort();
    }
  }

  #watched(connection: Connection, carrier: CarrierKind): Connection {
    const { clock } = this.#options;
    const closed = new AbortController();
    const returning = new AbortController();
    let liveMs: number | null = null;
    let reason: CloseReasonName | null = null;
    if (carrier === 'https') {
      void this.#tryWebSocket(closed.signal).then((opens) => opens && returning.abort());
    }
    const seen = (received: Received): Received => {
      if (received.kind === 'closed') reason ??= closeReasonOf(received.code);
      if (received.kind !== 'frame') return received;
      if (received.frame.kind === 'welcome') liveMs = clock.monotonicMs();
      if (received.frame.kind === 'goodbye') reason = reasonNamed(received.frame.message.reason);
      return received;
    };
    return {
      send: (frame) => connection.send(frame),
      next: async (signal) => {
        try {
          return seen(await connection.next(AbortSignal.any([signal, returning.signal])));
        } catch (error) {
          if (signal.aborted || !returning.signal.aborted) throw error;
          return { kind: 'closed', code: 1000, detail: 'the WebSocket opens again' };
        }
      },
      arrived: () => {
        const received = connection.arrived();
        return received === null ? null : seen(received);
      },
      channelBinding: () => connection.channelBinding(),
      close: () => {
        connection.close();
        if (closed.signal.aborted) return;
        closed.abort();
        const livedMs = liveMs === null ? null : clock.monotonicMs() - liveMs;
        const isDone = returning.signal.aborted;
        this.#ended(carrier, isDone ? 'good' : outcomeOf({ livedMs, reason }));
      },
    };
  }

  /** True: it opens, and is due; false: the signal aborted before it did. */
  async #tryWebSocket(signal: AbortSignal): Promise<boolean> {
    const { clock, transports } = this.#options;
    while (await pause(clock, WEB_SOCKET_RETRY_MS, signal)) {
      try {
        (await transports['web-socket'].connect(signal)).close();
        this.#past = { ...this.#past, triedMs: null };
        return true;
      } catch {
        // What it failed of was said when it failed first.
        this.#past = { ...this.#past, triedMs: clock.monotonicMs() };
      }
    }
    return false;
  }

  #ended(carrier: CarrierKind, outcome: CarrierOutcome): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#past = pastAfter(this.#past, { carrier, outcome, nowMs });
  }
}

function reasonNamed(text: string): CloseReasonName | null {
  return Object.hasOwn(CLOSE_REASONS, text) ? (text as CloseReasonName) : null;
}

function isAbsent(error: CodedError): boolean {
  const { cause } = error;
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return false;
  return typeof cause.code === 'string' && ABSENT.includes(cause.code);
}
