/*
 * A coordinator that takes no sessions: with the certificate of the real one it tells everybody why, as that does with
 * too many of them, or with agents whose protocol it does not serve, and hands on what is asked by HTTP.
 */
import { createServer, request, type Server } from 'node:https';
import {
  CLOSE_REASONS,
  type CloseReasonName,
  encodeCoordinatorFrame,
  SUBPROTOCOL,
} from '@moult/protocol';
import { WebSocketServer } from 'ws';

export interface RefusingOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly caPem: string;
  /** The real coordinator's. */
  readonly toPort: number;
  readonly reason: CloseReasonName;
}

export class RefusingCoordinator {
  /** How many sessions were asked for. */
  asked = 0;
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(options: RefusingOptions): Promise<RefusingCoordinator> {
    const server = createServer({ cert: options.cert, key: options.key }, (asked, answer) => {
      const { method, url, headers } = asked;
      const to = { host: '127.0.0.1', port: options.toPort, ca: options.caPem, agent: false };
      const onward = request({ ...to, method, path: url, headers }, (got) => {
        answer.writeHead(got.statusCode ?? 502, got.headers);
        got.pipe(answer);
      });
      onward.on('error', () => answer.destroy());
      asked.pipe(onward);
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const refusing = new RefusingCoordinator(server, port);
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
    server.on('upgrade', (asked, socket, head) => {
      sockets.handleUpgrade(asked, socket, head, (accepted) => {
        refusing.asked += 1;
        accepted.on('error', () => undefined);
        const message = { reason: options.reason, retryAfterMs: 1_000 };
        accepted.send(encodeCoordinatorFrame({ kind: 'goodbye', message }));
        accepted.close(CLOSE_REASONS[options.reason].code);
      });
    });
    return refusing;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
