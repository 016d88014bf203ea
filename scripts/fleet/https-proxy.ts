import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as requestOverHttps, type Server } from 'node:https';
import type { Duplex } from 'node:stream';

export interface HttpsProxyOptions {
  readonly toPort: number;
  /** Of the coordinator: TLS ends here, and begins anew behind it. */
  readonly cert: string;
  readonly key: string;
  readonly caPem: string;
}

/** A reverse proxy between hosts and their coordinator, as sites have them: some know nothing of WebSockets. */
export class HttpsProxy {
  refusesUpgrades = true;
  upgradesRefused = 0;
  upgradesTaken = 0;
  readonly port: number;
  readonly #options: HttpsProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor(server: Server, port: number, options: HttpsProxyOptions) {
    this.#server = server;
    this.port = port;
    this.#options = options;
  }

  static async open(options: HttpsProxyOptions): Promise<HttpsProxy> {
    const { cert, key } = options;
    const server = createServer({ cert, key, minVersion: 'TLSv1.3' });
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const proxy = new HttpsProxy(server, port, options);
    server.on('request', (request, response) => proxy.#pass(request, response));
    server.on('upgrade', (request, socket, head) => proxy.#upgrade(request, { socket, head }));
    return proxy;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const upstream = this.#upstream(request);
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    request.on('error', () => upstream.destroy());
    request.pipe(upstream);
  }

  #upgrade(request: IncomingMessage, of: { readonly socket: Duplex; readonly head: Buffer }): void {
    const { socket, head } = of;
    socket.on('error', () => socket.destroy());
    if (this.refusesUpgrades) {
      this.upgradesRefused += 1;
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.upgradesTaken += 1;
    const upstream = this.#upstream(request);
    upstream.on('error', () => socket.destroy());
    upstream.on('response', () => socket.destroy());
    upstream.on('upgrade', (answer, peer, peerHead) => {
      const headers = Object.entries(answer.headers).map(
        ([name, value]) => `${name}: ${value}\r\n`,
      );
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('')}\r\n`);
      socket.write(peerHead);
      peer.write(head);
      for (const end of [socket, peer]) {
        this.#sockets.add(end);
        end.on('error', () => undefined);
        end.on('close', () => {
          this.#sockets.delete(end);
          socket.destroy();
          peer.destroy();
        });
      }
      socket.pipe(peer).pipe(socket);
    });
    upstream.end();
  }

  #upstream(request: IncomingMessage): ReturnType<typeof requestOverHttps> {
    const { toPort, caPem } = this.#options;
    return requestOverHttps({
      host: '127.0.0.1',
      port: toPort,
      ca: caPem,
      agent: false,
      method: request.method,
      path: request.url,
      headers: request.headers,
    });
  }
}
