import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between hosts and their coordinator and counts what travels, TLS and all. */
export class CountingProxy {
  /** From the coordinator to hosts. */
  bytesDown = 0;
  /** From hosts to the coordinator. */
  bytesUp = 0;
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(toPort: number): Promise<CountingProxy> {
    const server = createServer({ noDelay: true });
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const proxy = new CountingProxy(server, port);
    server.on('connection', (client) => proxy.#join(client, toPort));
    return proxy;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, toPort: number): void {
    const upstream = connect({ port: toPort, host: '127.0.0.1', noDelay: true });
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => {
      this.bytesUp += bytes.length;
    });
    upstream.on('data', (bytes) => {
      this.bytesDown += bytes.length;
    });
    client.pipe(upstream).pipe(client);
  }
}
