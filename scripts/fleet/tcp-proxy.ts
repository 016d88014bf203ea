import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

export interface TcpProxyOptions {
  readonly toPort: number;
  /** A free one unless given. */
  readonly onPort?: number;
  /** Asked once a connection: what may change the bytes that it sends to the host, in place. */
  readonly change?: () => (bytes: Buffer) => void;
}

/** Stands between hosts and their coordinator and counts what travels, TLS and all. */
export class TcpProxy {
  /** Where new connections go. */
  toPort: number;
  /**
   * `up`: what hosts send is lost; `down`: what comes back is lost; `both`: no connection comes about, and none stays; `new`: none
   * comes about, but those that are there stay.
   */
  cut: 'none' | 'up' | 'down' | 'both' | 'new' = 'none';
  /** What comes back on one connection beyond this is lost: enough for a session and metadata, too little for a file. */
  bytesDownMax: number = Number.POSITIVE_INFINITY;
  /** From the coordinator to hosts. */
  bytesDown = 0;
  /** From hosts to the coordinator. */
  bytesUp = 0;
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number, toPort: number) {
    this.#server = server;
    this.toPort = toPort;
    this.port = port;
  }

  static async open(options: TcpProxyOptions): Promise<TcpProxy> {
    const server = createServer({ noDelay: true });
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.onPort ?? 0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const proxy = new TcpProxy(server, port, options.toPort);
    server.on('connection', (client) => proxy.#join(client, options));
    return proxy;
  }

  get isConnected(): boolean {
    return this.#sockets.size > 0;
  }

  /** Ends every connection, so that the next ones are made anew. */
  breakAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.breakAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, options: TcpProxyOptions): void {
    if (this.cut === 'both' || this.cut === 'new') {
      client.destroy();
      return;
    }
    const upstream = connect({ port: this.toPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const change = options.change?.();
    client.on('data', (bytes) => {
      this.bytesUp += bytes.length;
    });
    // Before the pipe, so that what it passes on is what was changed.
    upstream.on('data', (bytes: Buffer) => {
      this.bytesDown += bytes.length;
      change?.(bytes);
    });
    client.pipe(this.#gate('up')).pipe(upstream);
    upstream.pipe(this.#gate('down')).pipe(client);
  }

  /** What was lost once is followed by nothing: TCP delivers no stream with a hole. */
  #gate(way: 'up' | 'down'): Transform {
    let isLost = false;
    let passedBytes = 0;
    return new Transform({
      transform: (bytes: Buffer, _encoding, done) => {
        passedBytes += bytes.length;
        isLost ||= this.cut === way || this.cut === 'both';
        isLost ||= way === 'down' && passedBytes > this.bytesDownMax;
        if (isLost) done();
        else done(null, bytes);
      },
    });
  }
}
