/*
 * A coordinator in the wrong hands: it has the real one's address, certificate, repository, blobs and both online keys, and
 * sends whatever it likes. It lacks the release and root keys. It takes everybody in, orders one upgrade of each host
 * that comes, grants every permission and confirms everything.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import {
  type CoordinatorFrame,
  decodeAgentFrame,
  encodeCoordinatorFrame,
  PROTOCOL_MINOR,
  SUBPROTOCOL,
} from '@moult/protocol';
import { type WebSocket, WebSocketServer } from 'ws';

export interface EvilOptions {
  readonly port: number;
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Served as /tuf: `metadata` and `targets` below it. */
  readonly tufDir: string;
  readonly blobsDir: string;
  readonly order: {
    readonly commandId: string;
    readonly component: string;
    readonly version: string;
  };
}

const NONCE = 'ab'.repeat(16);

export class EvilCoordinator {
  /** Kinds of frames that hosts sent, in their order. */
  readonly heard: string[] = [];
  /** Outcomes that hosts reported. */
  readonly outcomes: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<WebSocket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(options: EvilOptions): Promise<EvilCoordinator> {
    const server = createServer({ cert: options.cert, key: options.key }, (request, response) => {
      const path = pathOf(options, request.url ?? '');
      const answer = path === null ? Promise.reject(new Error('none')) : stat(path);
      answer.then(
        ({ size }) => {
          response.writeHead(200, { 'content-length': size });
          createReadStream(path ?? '').pipe(response);
        },
        () => response.writeHead(404).end(),
      );
    });
    const evil = new EvilCoordinator(server);
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
    server.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (accepted) => evil.#serve(accepted, options));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port, '127.0.0.1', resolve);
    });
    return evil;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: WebSocket, options: EvilOptions): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    const send = (frame: CoordinatorFrame) => socket.send(encodeCoordinatorFrame(frame));
    socket.on('message', (bytes: Buffer) => {
      const decoded = decodeAgentFrame(bytes);
      if (decoded.kind !== 'frame') return;
      const { frame } = decoded;
      this.heard.push(frame.kind);
      const attempt = { commandId: options.order.commandId, attempt: 1 };
      switch (frame.kind) {
        case 'hello':
          send({
            kind: 'challenge',
            message: { nonce: NONCE, nowMs: Date.now(), protocolMinor: PROTOCOL_MINOR },
          });
          return;
        case 'prove':
          send({ kind: 'welcome', message: welcome() });
          // Nothing of this was asked for.
          for (const point of ['drain', 'switch']) {
            send({ kind: 'granted', message: { ...attempt, point } });
          }
          send({ kind: 'confirm', message: attempt });
          send({ kind: 'cleanup', message: { component: 'agent', commandId: attempt.commandId } });
          send({ kind: 'command', message: commandOf(options) });
          return;
        case 'permission':
          send({ kind: 'granted', message: frame.message });
          return;
        case 'output':
          for (const item of frame.message.items) {
            if (item.item === 'finish') this.outcomes.push(item.finish.outcome);
          }
          return;
        default:
          send({ kind: 'confirm', message: attempt });
      }
    });
  }
}

function welcome(): Extract<CoordinatorFrame, { kind: 'welcome' }>['message'] {
  return {
    ticket: 'cd'.repeat(16),
    nowMs: Date.now(),
    generation: 1,
    position: 1_000_000,
    version: '99.0.0',
    capabilities: ['auto-upgrade', 'cleanup', 'output'],
    outputEpoch: '',
    outputSequence: 0,
    pingMs: 20_000,
    protocolMinor: PROTOCOL_MINOR,
    isValidated: true,
    agentName: '',
  };
}

function commandOf({
  order,
}: EvilOptions): Extract<CoordinatorFrame, { kind: 'command' }>['message'] {
  return {
    commandId: order.commandId,
    attempt: 1,
    notAfterMs: Date.now() + 3_600_000,
    generation: 1,
    position: 1_000_000,
    autoUpgrade: {
      component: order.component,
      version: order.version,
      isForced: true,
      isRevert: true,
      nonce: NONCE,
    },
  };
}

function pathOf(options: EvilOptions, url: string): string | null {
  const path = url.split('?')[0] ?? '';
  if (path.includes('..')) return null;
  if (path.startsWith('/tuf/')) return join(options.tufDir, decodeURIComponent(path.slice(5)));
  const sha256 = /^\/blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
  if (sha256 !== undefined) return join(options.blobsDir, 'sha256', sha256.slice(0, 2), sha256);
  return null;
}
