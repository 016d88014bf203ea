/*
 * Time for those who send slowly and for those who read nothing (T17). All of them lie on the wheel of the sessions: a
 * request costs no timer of its own.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@moult/runtime/clock';
import type { FastifyInstance } from 'fastify';
import type { TimerWheel, WheelItem } from '../gateway/timer-wheel.ts';

/** For a body; packs are larger and have the server's own limit. */
const BODY_MS_MAX = 30_000;
/** For the rest of a body that was refused: long enough that who sends it sees why, and stops. */
const REFUSED_BODY_MS_MAX = 5_000;
/** Who takes not one byte of an answer for so long takes none any more; agents themselves give up on less than 1 KiB/s. */
const UNREAD_MS_MAX = 60_000;

export interface DeadlineOptions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
}

export function addDeadlines(app: FastifyInstance, options: DeadlineOptions): void {
  const { clock, wheel } = options;
  app.addHook('onRequest', async (request) => {
    const isUpload = request.routeOptions.config.isUpload === true;
    if (isUpload || request.raw.complete || request.raw.method === 'GET') return;
    wheel.set(new BodyDeadline(request.raw), clock.monotonicMs() + BODY_MS_MAX);
  });
  app.addHook('onError', async (request) => {
    if (request.raw.complete) return;
    wheel.set(new BodyDeadline(request.raw), clock.monotonicMs() + REFUSED_BODY_MS_MAX);
  });
  app.addHook('onSend', async (_request, reply) => {
    const deadline = new AnswerDeadline(reply.raw, options);
    deadline.start();
    reply.raw.once('close', () => wheel.clear(deadline));
  });
}

class BodyDeadline implements WheelItem {
  wheelBucket = 0;
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  onDeadline(): void {
    if (!this.#request.complete) this.#request.destroy();
  }
}

class AnswerDeadline implements WheelItem {
  wheelBucket = 0;
  readonly #answer: ServerResponse;
  readonly #options: DeadlineOptions;
  #bytesWritten = -1;

  constructor(answer: ServerResponse, options: DeadlineOptions) {
    this.#answer = answer;
    this.#options = options;
  }

  start(): void {
    const { clock, wheel } = this.#options;
    wheel.set(this, clock.monotonicMs() + UNREAD_MS_MAX);
  }

  onDeadline(): void {
    const { socket } = this.#answer;
    if (socket === null) return;
    // Files are read as fast as their bytes are taken: a full socket stands still.
    if (socket.bytesWritten === this.#bytesWritten) {
      socket.destroy();
      return;
    }
    this.#bytesWritten = socket.bytesWritten;
    this.start();
  }
}
