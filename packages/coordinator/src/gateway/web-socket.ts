/* The agents' WebSocket: HTTP upgrades on one path, each a carrier for a session, with the limits of its kind. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { FRAME_BYTES_MAX, SESSION_PATH, SUBPROTOCOL } from '@moult/protocol';
import type { Logger } from '@moult/runtime/logger';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Carrier, CarrierListener, SessionOpener } from './carrier.ts';
import { channelBindingOf } from './channel-binding.ts';
import type { Turns } from './turns.ts';

/** A message in more pieces than this is made to cost memory. */
const FRAGMENTS_MAX = 16;

export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Handler of the HTTP server's `upgrade`. */
export function createUpgradeListener(options: {
  readonly sessions: SessionOpener;
  readonly turns: Turns;
  readonly log: Logger;
}): UpgradeListener {
  const { sessions, turns, log } = options;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX,
    maxFragments: FRAGMENTS_MAX,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  return (request, socket, head) => {
    const path = request.url?.split('?')[0];
    const offered = request.headers['sec-websocket-protocol'] ?? '';
    const isOurs = offered.split(',').some((name) => name.trim() === SUBPROTOCOL);
    if (path !== SESSION_PATH) refuseUpgrade(socket, '404 Not Found');
    else if (!isOurs) refuseUpgrade(socket, '400 Bad Request');
    else if (!sessions.isOpen) refuseUpgrade(socket, '503 Service Unavailable');
    else {
      const died = (error: Error): void => log.debug('connection failed', { err: error });
      socket.on('error', died);
      void turns.take().then(() => {
        socket.off('error', died);
        server.handleUpgrade(request, socket, head, (webSocket) => {
          sessions.open(new WebSocketCarrier({ webSocket, raw: socket, log }));
        });
      });
    }
  };
}

class WebSocketCarrier implements Carrier {
  readonly kind = 'web-socket';
  readonly #webSocket: WebSocket;
  readonly #raw: Duplex;
  readonly #log: Logger;

  constructor(options: {
    readonly webSocket: WebSocket;
    readonly raw: Duplex;
    readonly log: Logger;
  }) {
    this.#webSocket = options.webSocket;
    this.#raw = options.raw;
    this.#log = options.log;
  }

  listen(listener: CarrierListener): void {
    this.#webSocket.on('message', (data, isBinary) => listener.onBytes(bytesOf(data), isBinary));
    this.#webSocket.on('close', () => listener.onEnded());
    // ws has closed the socket itself with 1002 or 1009: a frame beyond its limits, or no WebSocket frame.
    this.#webSocket.on('error', (error) => this.#log.debug('session failed', { err: error }));
    const count = (chunk: Buffer): void => {
      if (!listener.onArriving(chunk.length)) this.#raw.off('data', count);
    };
    this.#raw.on('data', count);
  }

  send(bytes: Uint8Array): void {
    this.#webSocket.send(bytes);
  }

  /** One TLS record instead of one for each: the other side reads them in one piece. */
  together(work: () => void): void {
    this.#raw.cork();
    work();
    this.#raw.uncork();
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  channelBinding(): string {
    return channelBindingOf(this.#raw);
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.once('finish', () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
