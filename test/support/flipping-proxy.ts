/* Someone in the middle: passes everything on, and while told to, changes one byte of each connection. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export class FlippingProxy {
  /** Offset in what the server sends at which a byte is changed; null: nothing is. */
  isFlipping = false;
  /** Connections that had a byte changed. */
  flipped = 0;
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(toPort: number, onPort: number): Promise<FlippingProxy> {
    const server = createServer();
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(onPort, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const proxy = new FlippingProxy(server, port);
    server.on('connection', (client) => proxy.#join(client, toPort));
    return proxy;
  }

  /** Ends every connection, so that the next ones are made anew. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, toPort: number): void {
    const upstream = connect(toPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => upstream.write(bytes));
    // Each connection is hit a little later than the one before: in its handshake first, in its data then.
    let left = this.isFlipping ? this.flipped * 97 : null;
    upstream.on('data', (bytes: Buffer) => {
      if (left !== null && left < bytes.length) {
        bytes[left] = (bytes[left] ?? 0) ^ 0x20;
        this.flipped += 1;
        left = null;
      } else if (left !== null) left -= bytes.length;
      client.write(bytes);
    });
  }
}
