import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface ConnectProxyOptions {
  /** Where it listens; loopback unless given. */
  readonly host?: string;
  /** `user:password` that it wants; null: it asks nobody. */
  readonly credentials?: string | null;
}

/** A forward proxy as sites have them: it connects to what it is asked for, and passes bytes that it cannot read. */
export class ConnectProxy {
  /** What was asked for and granted, in order: `host:port`. */
  readonly granted: string[] = [];
  refused = 0;
  /** From the hosts to the coordinator and back. */
  bytesPassed = 0;
  readonly port: number;
  credentials: string | null;
  readonly #host: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number, options: ConnectProxyOptions) {
    this.#server = server;
    this.port = port;
    this.#host = options.host ?? '127.0.0.1';
    this.credentials = options.credentials ?? null;
  }

  static async open(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
    const server = createServer((_request, response) => response.writeHead(405).end());
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, options.host ?? '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const proxy = new ConnectProxy(server, port, options);
    server.on('connect', (request, socket, head) =>
      proxy.#connect(request, socket as Socket, head),
    );
    return proxy;
  }

  /** As in agent.yaml, without a user. */
  get url(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.port}`;
  }

  /** Ends every connection that passes through it. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const target = request.url ?? '';
    const wanted = this.credentials;
    const shown = request.headers['proxy-authorization'];
    socket.on('error', () => socket.destroy());
    if (wanted !== null && shown !== `Basic ${Buffer.from(wanted).toString('base64')}`) {
      this.refused += 1;
      socket.end(
        'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="site"\r\nContent-Length: 0\r\n\r\n',
      );
      return;
    }
    const { hostname, port } = new URL(`http://${target}`);
    const upstream = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) });
    upstream.once('error', () => {
      if (!socket.writableEnded) socket.end('HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n');
    });
    upstream.once('connect', () => {
      this.granted.push(target);
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      for (const end of [socket, upstream]) {
        this.#sockets.add(end);
        end.on('data', (chunk: Buffer) => {
          this.bytesPassed += chunk.length;
        });
        end.on('error', () => undefined);
        end.on('close', () => {
          this.#sockets.delete(end);
          // What one end said before it went reaches the other, however slowly that one reads.
          socket.destroySoon();
          upstream.destroySoon();
        });
      }
      socket.pipe(upstream).pipe(socket);
    });
  }
}
