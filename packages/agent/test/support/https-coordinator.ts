import { createHmac } from 'node:crypto';
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { requestText } from '@moult/core/identity';
import {
  type AgentFrame,
  type CoordinatorFrame,
  decodeAgentFrame,
  encodeCoordinatorFrame,
  joinFrames,
  splitFrames,
} from '@moult/protocol';

const ID = 'a'.repeat(32);
const SECRET = 'b'.repeat(64);

/** The coordinator's side of a session over HTTPS on a real socket; what it answers is the test's. */
export class HttpsCoordinator {
  readonly frames: AgentFrame[] = [];
  /** `METHOD path?query` of each request, in order. */
  readonly requests: string[] = [];
  /** Exporter value of the connection that opened the session. */
  binding = '';
  /** Whether each request showed the connection that it came on; 'wrong': neither that nor nothing. */
  readonly shown: ('its connection' | 'none' | 'wrong')[] = [];
  /** Answers instead of the usual way when it returns true. */
  onRequest: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  readonly #server: Server;
  readonly #scheme: string;
  #poll: ServerResponse | null = null;
  #waiting: CoordinatorFrame[] = [];

  private constructor(tls: { readonly key: string; readonly cert: string } | null) {
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      void this.#answer(request, response);
    };
    this.#scheme = tls === null ? 'http' : 'https';
    this.#server = tls === null ? createPlainServer(listener) : createServer(tls, listener);
  }

  static async listen(
    tls: { readonly key: string; readonly cert: string } | null = null,
  ): Promise<HttpsCoordinator> {
    const coordinator = new HttpsCoordinator(tls);
    await new Promise<void>((resolve) => coordinator.#server.listen(0, '127.0.0.1', resolve));
    return coordinator;
  }

  get url(): URL {
    return new URL(
      `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}/below`,
    );
  }

  /** Whether a question waits for its answer. */
  get isAsked(): boolean {
    return this.#poll !== null;
  }

  send(...frames: readonly CoordinatorFrame[]): void {
    this.#waiting.push(...frames);
    this.#give();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.requests.push(`${request.method} ${request.url}`);
    const path = request.url?.split('?')[0];
    if (path === '/below/v1/agent/https') this.binding = bindingOf(request);
    else this.shown.push(this.#shownBy(request));
    if (this.onRequest(request, response)) return;
    if (path === '/below/v1/agent/https') {
      response.writeHead(201).end(JSON.stringify({ id: ID, secret: SECRET }));
    } else if (request.method === 'POST') {
      for (const bytes of splitFrames(Buffer.concat(chunks)) ?? []) {
        const decoded = decodeAgentFrame(bytes);
        if (decoded.kind === 'frame') this.frames.push(decoded.frame);
      }
      response.writeHead(204).end();
    } else {
      this.#poll = response;
      response.once('close', () => {
        if (this.#poll === response) this.#poll = null;
      });
      this.#give();
    }
  }

  #give(): void {
    if (this.#poll === null || this.#waiting.length === 0) return;
    const body = joinFrames(this.#waiting.splice(0).map(encodeCoordinatorFrame));
    this.#poll.writeHead(200).end(body);
    this.#poll = null;
  }

  #shownBy(request: IncomingMessage): 'its connection' | 'none' | 'wrong' {
    const macOf = (binding: string) =>
      createHmac('sha256', Buffer.from(SECRET, 'hex')).update(requestText(binding)).digest('hex');
    const { authorization } = request.headers;
    const binding = bindingOf(request);
    if (binding !== '' && authorization === `Moult-Session ${ID}.${macOf(binding)}`) {
      return 'its connection';
    }
    return authorization === `Moult-Session ${ID}.${macOf('')}` ? 'none' : 'wrong';
  }
}

function bindingOf({ socket }: IncomingMessage): string {
  if (!('exportKeyingMaterial' in socket)) return '';
  return (socket as TLSSocket)
    .exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
    .toString('hex');
}
