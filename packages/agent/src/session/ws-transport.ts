/* The session's connection as it is: one WebSocket over TLS 1.3, binary frames, limits from the protocol. */
import { TLSSocket } from 'node:tls';
import { CodedError } from '@moult/core/errors';
import { encodeAgentFrame, FRAME_BYTES_MAX, HANDSHAKE_MS_MAX, SUBPROTOCOL } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import { optionsOfWay, type ReadWay, type WayOptions } from '@moult/runtime/way';
import { WebSocket } from 'ws';
import type { Connection, Received, Transport } from '../ports.ts';
import { receivedOf, Unread } from './unread.ts';

export interface WsTransportOptions {
  readonly url: string;
  readonly way: ReadWay;
  readonly clock: Clock;
}

const EXPORTER_LABEL = 'EXPORTER-Channel-Binding';
const EXPORTER_BYTES = 32;
/** Unsent bytes beyond which a connection is as good as dead: some batches. */
const UNSENT_BYTES_MAX = 8 * FRAME_BYTES_MAX;

export interface WsTransport extends Transport {
  /** Begins what the first `connect` then waits for: a process that starts has other things to do meanwhile. */
  begin(): void;
}

export function createWsTransport(options: WsTransportOptions): WsTransport {
  let begun: { readonly connection: Promise<Connection>; readonly abort: AbortController } | null =
    null;
  return {
    begin: () => {
      const abort = new AbortController();
      begun = { connection: connect(options, abort.signal), abort };
      // Whoever takes it learns of it.
      begun.connection.catch(() => undefined);
    },
    connect: async (signal) => {
      if (begun === null) return await connect(options, signal);
      const { connection, abort } = begun;
      begun = null;
      const aborted = () => abort.abort(signal.reason);
      signal.addEventListener('abort', aborted, { once: true });
      if (signal.aborted) aborted();
      return await connection.finally(() => signal.removeEventListener('abort', aborted));
    },
  };
}

async function connect(options: WsTransportOptions, signal: AbortSignal): Promise<Connection> {
  const { clock } = options;
  const url = new URL(options.url);
  const way = await optionsOfWay(await options.way(), { url, clock, signal });
  return await opened(options.url, way, signal);
}

function opened(url: string, way: WayOptions, signal: AbortSignal): Promise<Connection> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = new WebSocket(url, [SUBPROTOCOL], {
      handshakeTimeout: HANDSHAKE_MS_MAX,
      maxPayload: FRAME_BYTES_MAX,
      perMessageDeflate: false,
      followRedirects: false,
      minVersion: 'TLSv1.3',
      ...way,
    });
    const channel = channelOf(socket);
    const aborted = () => {
      socket.terminate();
      reject(signal.reason);
    };
    signal.addEventListener('abort', aborted, { once: true });
    socket.once('open', () => {
      signal.removeEventListener('abort', aborted);
      if (socket.protocol === SUBPROTOCOL) return resolve(channel);
      socket.terminate();
      reject(new CodedError('coordinator-unreachable', `${url} does not speak ${SUBPROTOCOL}`));
    });
    socket.once('error', (cause) => {
      signal.removeEventListener('abort', aborted);
      reject(new CodedError('coordinator-unreachable', `${url}: ${cause.message}`, { cause }));
    });
  });
}

function channelOf(socket: WebSocket): Connection {
  const unread = new Unread();
  let binding = '';
  const arrived = (received: Received) => {
    if (!unread.arrive(received)) socket.terminate();
  };
  socket.once('upgrade', (response) => {
    if (!(response.socket instanceof TLSSocket)) return;
    binding = response.socket
      .exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0))
      .toString('hex');
  });
  socket.on('message', (data, isBinary) => {
    if (!isBinary || !Buffer.isBuffer(data)) {
      return arrived({ kind: 'invalid', reason: 'a frame that is not binary' });
    }
    arrived(receivedOf(data));
  });
  let lastError = '';
  socket.on('error', (error) => {
    lastError = error.message;
  });
  socket.on('close', (code, reason) => {
    arrived({ kind: 'closed', code, detail: reason.toString() || lastError || `closed (${code})` });
  });
  return {
    send: (frame) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      if (socket.bufferedAmount > UNSENT_BYTES_MAX) return socket.terminate();
      socket.send(encodeAgentFrame(frame), () => undefined);
    },
    next: (signal) => unread.next(signal),
    arrived: () => unread.arrived(),
    channelBinding: () => binding,
    close: () => {
      if (socket.readyState === WebSocket.OPEN) socket.close(1000);
      // A peer that does not answer the close must not hold the next try, or the process, up.
      else socket.terminate();
    },
  };
}
