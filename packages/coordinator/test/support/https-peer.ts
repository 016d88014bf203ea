import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { request as requestOverHttp } from 'node:http';
import { Agent, request as requestOverHttps } from 'node:https';
import { connect } from 'node:tls';
import { requestText } from '@moult/core/identity';
import {
  type AgentFrame,
  type CoordinatorFrame,
  decodeCoordinatorFrame,
  encodeAgentFrame,
  HTTPS_FRAMES_PATH,
  HTTPS_SESSION_PATH,
  joinFrames,
  splitFrames,
} from '@moult/protocol';

export interface HttpsAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** The agent's side of a session over HTTPS, written anew for tests: each request one by one, right or wrong. */
export class HttpsPeer {
  readonly url: string;
  readonly ca: string | null;
  id = '';
  secret = '';
  /** Of the connection on which it was opened. */
  binding = '';
  sent = 0;
  received = 0;

  constructor(url: string, ca: string | null = null) {
    this.url = url;
    this.ca = ca;
  }

  async open(): Promise<HttpsAnswer> {
    const answer = await this.request('POST', HTTPS_SESSION_PATH, {
      authorization: (binding) => {
        this.binding = binding;
        return '';
      },
    });
    if (answer.status === 201) Object.assign(this, JSON.parse(answer.body.toString()));
    return answer;
  }

  async send(frames: readonly AgentFrame[], isBound = this.binding !== ''): Promise<HttpsAnswer> {
    const body = joinFrames(frames.map(encodeAgentFrame));
    const answer = await this.post(body, { after: this.sent, isBound });
    if (answer.status === 204) this.sent += frames.length;
    return answer;
  }

  post(
    body: Uint8Array,
    options: { readonly after: number; readonly isBound?: boolean },
  ): Promise<HttpsAnswer> {
    return this.request('POST', `${HTTPS_FRAMES_PATH}?after=${options.after}`, {
      body,
      authorization: (binding) => this.authorization(options.isBound === true ? binding : ''),
    });
  }

  /** One question: the frames of its answer; null when it was refused. */
  async poll(isBound = this.binding !== ''): Promise<readonly CoordinatorFrame[] | null> {
    const answer = await this.ask({ after: this.received, isBound });
    if (answer.status !== 200) return answer.status === 204 ? [] : null;
    const frames = (splitFrames(answer.body) ?? []).map((bytes) => {
      const decoded = decodeCoordinatorFrame(bytes);
      if (decoded.kind !== 'frame') throw new Error(`the coordinator sent ${decoded.kind}`);
      return decoded.frame;
    });
    this.received += frames.length;
    return frames;
  }

  ask(options: {
    readonly after: number;
    readonly isBound?: boolean;
    readonly signal?: AbortSignal;
  }): Promise<HttpsAnswer> {
    return this.request('GET', `${HTTPS_FRAMES_PATH}?after=${options.after}`, {
      authorization: (binding) => this.authorization(options.isBound === true ? binding : ''),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  authorization(binding: string): string {
    const mac = createHmac('sha256', Buffer.from(this.secret, 'hex')).update(requestText(binding));
    return `Moult-Session ${this.id}.${mac.digest('hex')}`;
  }

  /** On a connection of its own, whose exporter value the authorization is made of. */
  async request(
    method: string,
    path: string,
    options: {
      readonly body?: Uint8Array;
      readonly authorization: (binding: string) => string;
      readonly signal?: AbortSignal;
    },
  ): Promise<HttpsAnswer> {
    const url = new URL(`${this.url}${path}`);
    const socket =
      this.ca === null
        ? null
        : connect({ host: url.hostname, port: Number(url.port), ca: this.ca });
    if (socket !== null) await once(socket, 'secureConnect');
    const binding =
      socket
        ?.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
        .toString('hex') ?? '';
    const agent = new Agent({ keepAlive: false });
    if (socket !== null) agent.createConnection = () => socket;
    const authorization = options.authorization(binding);
    const { body, signal } = options;
    return await new Promise((resolve, reject) => {
      const request = (socket === null ? requestOverHttp : requestOverHttps)(
        url,
        {
          method,
          agent: socket === null ? false : agent,
          ...(signal === undefined ? {} : { signal }),
          headers: {
            ...(authorization === '' ? {} : { authorization }),
            ...(body === undefined
              ? {}
              : { 'content-type': 'application/octet-stream', 'content-length': body.length }),
          },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) });
          });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }
}
