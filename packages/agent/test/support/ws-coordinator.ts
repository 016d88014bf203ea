import { createHash, createPublicKey, verify } from 'node:crypto';
import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { proofText, type SessionPurpose } from '@moult/core/identity';
import {
  type AgentFrame,
  type CoordinatorFrame,
  decodeAgentFrame,
  encodeCoordinatorFrame,
  type Hello,
  SESSION_PATH,
  SUBPROTOCOL,
} from '@moult/protocol';
import { systemClock } from '@moult/runtime/clock';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ModelCoordinator } from './model-coordinator.ts';

export interface WsPeer {
  readonly frames: AgentFrame[];
  readonly socket: WebSocket;
  send(frame: CoordinatorFrame): void;
}

/** A coordinator on a real socket: verifies the proof, welcomes, and keeps what it is sent. */
export class WsCoordinator {
  readonly peers: WsPeer[] = [];
  /** Raw public key, base64url, that proofs are checked with; null: not checked. */
  publicKey: string | null = null;
  /** Whether each proof was good. */
  readonly proofs: boolean[] = [];
  /** Keeps and acknowledges output; null: it says nothing to it. */
  output: ModelCoordinator | null = null;
  /** Said instead of a challenge. */
  goodbye: { readonly reason: string; readonly retryAfterMs: number } | null = null;
  onRequest: RequestListener = (_request, response) => {
    response.writeHead(404).end('{}');
  };
  readonly #server: Server;
  readonly #scheme: string;

  private constructor(tls: { readonly key: string; readonly cert: string } | null) {
    const listener: RequestListener = (request, response) => this.onRequest(request, response);
    this.#scheme = tls === null ? 'http' : 'https';
    this.#server = tls === null ? createServer(listener) : createTlsServer(tls, listener);
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
    this.#server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      if (request.url !== SESSION_PATH) {
        stream.destroy();
        return;
      }
      sockets.handleUpgrade(request, stream, head, (socket) => this.#serve(socket, request));
    });
  }

  static async listen(
    tls: { readonly key: string; readonly cert: string } | null = null,
  ): Promise<WsCoordinator> {
    const coordinator = new WsCoordinator(tls);
    await new Promise<void>((resolve) => coordinator.#server.listen(0, '127.0.0.1', resolve));
    return coordinator;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get frames(): AgentFrame[] {
    return this.peers.flatMap(({ frames }) => frames);
  }

  async close(): Promise<void> {
    for (const { socket } of this.peers) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: WebSocket, request: IncomingMessage): void {
    const peer: WsPeer = {
      frames: [],
      socket,
      send: (frame) => socket.send(encodeCoordinatorFrame(frame)),
    };
    this.peers.push(peer);
    const nonce = createHash('sha256').update(String(this.peers.length)).digest('hex');
    const binding =
      'exportKeyingMaterial' in request.socket
        ? (request.socket as import('node:tls').TLSSocket)
            .exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
            .toString('hex')
        : '';
    let hello: Hello | null = null;
    socket.on('message', (data: Buffer) => {
      const decoded = decodeAgentFrame(data);
      if (decoded.kind !== 'frame') throw new Error(decoded.kind);
      peer.frames.push(decoded.frame);
      if (decoded.frame.kind === 'hello') {
        hello = decoded.frame.message;
        if (this.goodbye !== null) return peer.send({ kind: 'goodbye', message: this.goodbye });
        peer.send({
          kind: 'challenge',
          message: { nonce, nowMs: systemClock.nowMs(), protocolMinor: 0 },
        });
      }
      if (decoded.frame.kind === 'prove' && hello !== null) {
        this.proofs.push(this.#isGood(hello, nonce, binding, decoded.frame.message.signature));
        const { epoch = '', sequence = 0 } = this.output ?? {};
        const message = { ...WELCOME, outputEpoch: epoch, outputSequence: sequence };
        peer.send({ kind: 'welcome', message });
      }
      if (decoded.frame.kind === 'output' && this.output !== null) {
        const { epoch } = decoded.frame.message;
        this.output.store(decoded.frame.message);
        const message = { epoch, lastSequence: this.output.sequence };
        peer.send({ kind: 'outputAck', message });
      }
    });
  }

  #isGood(hello: Hello, nonce: string, binding: string, signature: Uint8Array): boolean {
    if (this.publicKey === null) return true;
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: this.publicKey },
      format: 'jwk',
    });
    const { instanceId, version, digest, commandNonce } = hello;
    const purpose = hello.purpose as SessionPurpose;
    const text = proofText({
      nonce,
      instanceId,
      purpose,
      version,
      digest,
      commandNonce,
      channelBinding: binding,
    });
    return verify(null, Buffer.from(text), key, signature);
  }
}

const WELCOME = {
  ticket: 'ab',
  nowMs: 1,
  generation: 1,
  position: 1,
  version: '1.0.0',
  capabilities: [],
  outputEpoch: '',
  outputSequence: 0,
  pingMs: 20_000,
  protocolMinor: 0,
  isValidated: true,
  agentName: '',
};
