/*
 * The session's connection over plain HTTPS requests, for hosts whose WebSocket does not come about (P10): one opens
 * it, one at a time sends, and one is always asking. Whichever fails ends the connection as a broken socket would:
 * what was lost with it is asked and sent again by the next session, as ever (S2).
 */
import { createHmac } from 'node:crypto';
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import { requestText } from '@moult/core/identity';
import {
  type AgentFrame,
  encodeAgentFrame,
  FRAME_BYTES_MAX,
  HANDSHAKE_MS_MAX,
  HTTPS_BODY_BYTES_MAX,
  HTTPS_BODY_FRAMES_MAX,
  HTTPS_FRAMES_PATH,
  HTTPS_POLL_MS,
  HTTPS_SESSION_PATH,
  HTTPS_SESSION_SCHEME,
  joinFrames,
  splitFrames,
} from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import type { ReadWay } from '@moult/runtime/way';
import { below } from '../address.ts';
import type { Connection, Received, Transport } from '../ports.ts';
import { type HttpsAnswer, requestOnce } from './https-request.ts';
import { receivedOf, Unread } from './unread.ts';

export interface HttpsTransportOptions {
  readonly coordinator: URL;
  readonly way: ReadWay;
  /** Whether requests show the connection that they travel on: fixed at enrollment. */
  readonly bindsChannel: boolean;
  readonly clock: Clock;
}

/** A coordinator that is busy takes frames when it has room for them. */
const SEND_MS_MAX = 60_000;
/** The coordinator answers after 20 s; this long after it, the answer was lost. */
const POLL_MS_MAX: number = HTTPS_POLL_MS + 15_000;
/** Unsent bytes beyond which a connection is as good as dead: some batches. */
const UNSENT_BYTES_MAX = 8 * FRAME_BYTES_MAX;
/** Length of a frame in a body: a varint of at most three bytes. */
const LENGTH_BYTES_MAX = 3;
const ID = /^[0-9a-f]{32}$/;
const SECRET = /^[0-9a-f]{64}$/;
/** As a WebSocket that ended without a close frame. */
const ABNORMAL = 1006;

export function createHttpsTransport(options: HttpsTransportOptions): Transport {
  return {
    connect: async (signal) => {
      const answer = await requestOnce({
        ...options,
        method: 'POST',
        url: below(options.coordinator, HTTPS_SESSION_PATH),
        body: null,
        authorization: null,
        msMax: HANDSHAKE_MS_MAX,
        signal,
      });
      const { id, secret } = openedIn(answer, options.coordinator);
      const { channelBinding } = answer;
      return new HttpsConnection({ ...options, id, secret, channelBinding });
    },
  };
}

class HttpsConnection implements Connection {
  readonly #options: HttpsTransportOptions;
  readonly #id: string;
  readonly #secret: Buffer;
  readonly #channelBinding: string;
  readonly #closed = new AbortController();
  readonly #unread = new Unread();
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #isSending = false;
  #sent = 0;

  constructor(
    options: HttpsTransportOptions & {
      readonly id: string;
      readonly secret: Buffer;
      readonly channelBinding: string;
    },
  ) {
    this.#options = options;
    this.#id = options.id;
    this.#secret = options.secret;
    this.#channelBinding = options.channelBinding;
    void this.#untilBroken(() => this.#receiveAll());
  }

  send(frame: AgentFrame): void {
    if (this.#closed.signal.aborted) return;
    const bytes = encodeAgentFrame(frame);
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    if (this.#unsentBytes > UNSENT_BYTES_MAX) this.#break('frames are not taken');
    else if (!this.#isSending) {
      this.#isSending = true;
      void this.#untilBroken(() => this.#sendAll());
    }
  }

  next(signal: AbortSignal): Promise<Received> {
    return this.#unread.next(signal);
  }

  arrived(): Received | null {
    return this.#unread.arrived();
  }

  channelBinding(): string {
    return this.#channelBinding;
  }

  close(): void {
    this.#closed.abort();
  }

  async #sendAll(): Promise<void> {
    // What is said in one go travels in one request.
    await Promise.resolve();
    while (this.#unsent.length > 0) {
      const after = this.#sent;
      const frames = this.#nextFrames();
      const answer = await this.#request({ method: 'POST', after, frames, msMax: SEND_MS_MAX });
      if (answer.status !== 204)
        return this.#break(`sending was answered with HTTP ${answer.status}`);
      this.#sent += frames.length;
    }
    this.#isSending = false;
  }

  async #receiveAll(): Promise<void> {
    for (let received = 0; !this.#closed.signal.aborted; ) {
      const answer = await this.#request({ method: 'GET', after: received, msMax: POLL_MS_MAX });
      const frames = answer.status === 200 ? splitFrames(answer.body) : [];
      if (frames === null || (answer.status !== 200 && answer.status !== 204)) {
        return this.#break(`asking was answered with HTTP ${answer.status}`);
      }
      received += frames.length;
      for (const frame of frames) {
        if (!this.#unread.arrive(receivedOf(frame))) return this.#break('too many unread frames');
      }
    }
  }

  #nextFrames(): readonly Uint8Array[] {
    let bytes = 0;
    let count = 0;
    for (const frame of this.#unsent) {
      bytes += frame.length + LENGTH_BYTES_MAX;
      if (count === HTTPS_BODY_FRAMES_MAX || (count > 0 && bytes > HTTPS_BODY_BYTES_MAX)) break;
      count += 1;
    }
    const frames = this.#unsent.splice(0, count);
    this.#unsentBytes -= frames.reduce((sum, frame) => sum + frame.length, 0);
    return frames;
  }

  async #request(of: {
    readonly method: 'GET' | 'POST';
    readonly after: number;
    readonly frames?: readonly Uint8Array[];
    readonly msMax: number;
  }): Promise<HttpsAnswer> {
    const url = below(this.#options.coordinator, HTTPS_FRAMES_PATH);
    url.searchParams.set('after', String(of.after));
    return await requestOnce({
      ...this.#options,
      method: of.method,
      url,
      body: of.frames === undefined ? null : joinFrames(of.frames),
      authorization: (channelBinding) => this.#authorization(channelBinding),
      msMax: of.msMax,
      signal: this.#closed.signal,
    });
  }

  /** S3, S4: the secret itself travels once, in the answer that opened the session. */
  #authorization(channelBinding: string): string {
    const text = requestText(this.#options.bindsChannel ? channelBinding : '');
    const mac = createHmac('sha256', this.#secret).update(text).digest('hex');
    return `${HTTPS_SESSION_SCHEME} ${this.#id}.${mac}`;
  }

  async #untilBroken(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (caught) {
      this.#break(codedErrorFrom(caught).message);
    }
  }

  #break(detail: string): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#unsent = [];
    this.#unread.arrive({ kind: 'closed', code: ABNORMAL, detail });
  }
}

function openedIn(
  answer: HttpsAnswer,
  coordinator: URL,
): { readonly id: string; readonly secret: Buffer } {
  const opened = answer.status === 201 ? objectIn(answer.body) : null;
  const { id, secret } = opened ?? {};
  if (typeof id === 'string' && ID.test(id) && typeof secret === 'string' && SECRET.test(secret)) {
    return { id, secret: Buffer.from(secret, 'hex') };
  }
  throw new CodedError(
    'coordinator-unreachable',
    `${coordinator.origin} opened no session over HTTPS: HTTP ${answer.status}`,
  );
}

function objectIn(body: Buffer): { readonly id?: unknown; readonly secret?: unknown } | null {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
