import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { proofText } from '@moult/core/identity';
import {
  type AgentFrame,
  type CoordinatorFrame,
  type CoordinatorMessages,
  closeReasonOf,
  decodeCoordinatorFrame,
  encodeAgentFrame,
  type FinishMessage,
  type Hello,
  type Report,
  SESSION_PATH,
  SUBPROTOCOL,
} from '@moult/protocol';
import { WebSocket } from 'ws';

export interface Slot {
  readonly version: string;
  readonly digest: string;
}

export const DIGEST_1: string = '1'.repeat(64);
export const DIGEST_2: string = '2'.repeat(64);

export const HELLO: Hello = {
  instanceId: '',
  purpose: 'serve',
  version: '1.0.0',
  digest: DIGEST_1,
  platform: 'linux-x64',
  protocolMinor: 0,
  capabilities: ['auto-upgrade', 'cleanup', 'output', 'upgrading-state'],
  counter: 0,
  ticket: '',
  generationSeen: 0,
  positionSeen: 0,
  commandNonce: '',
  launcherVersion: '',
  launcherDigest: '',
  agentName: '',
  bootId: 'boot-1',
};

/** The agent's side of the wire, written anew for tests: real sockets, frames one by one. */
export class TestAgent {
  url: string;
  readonly key: KeyObject;
  readonly publicKey: string;
  instanceId = '';
  counter = 0;
  ticket = '';
  slot: Slot = { version: '1.0.0', digest: DIGEST_1 };
  connection: Connection | null = null;
  #sequence = 0;

  constructor(url: string) {
    this.url = url;
    const pair = generateKeyPairSync('ed25519');
    this.key = createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    this.publicKey = String(pair.publicKey.export({ format: 'jwk' }).x);
  }

  /** Opens a session up to the welcome; null when it was closed before. */
  async connect(overrides: Partial<Hello> = {}): Promise<CoordinatorMessages['welcome'] | null> {
    const connection = await Connection.open(this.url);
    this.connection = connection;
    if ((overrides.purpose ?? 'serve') === 'serve') this.counter += 1;
    const hello: Hello = {
      ...HELLO,
      ...this.slot,
      instanceId: this.instanceId,
      counter: this.counter,
      ticket: this.ticket,
      ...overrides,
    };
    connection.send({ kind: 'hello', message: hello });
    const challenge = await connection.next();
    if (challenge?.kind !== 'challenge') return null;
    connection.send({
      kind: 'prove',
      message: { signature: this.prove(hello, challenge.message.nonce) },
    });
    const welcome = await connection.next();
    if (welcome?.kind !== 'welcome') return null;
    if (hello.purpose === 'serve') this.ticket = welcome.message.ticket;
    return welcome.message;
  }

  prove(hello: Hello, nonce: string, channelBinding = ''): Uint8Array {
    const text = proofText({
      nonce,
      instanceId: hello.instanceId,
      purpose: hello.purpose as 'serve',
      version: hello.version,
      digest: hello.digest,
      commandNonce: hello.commandNonce,
      channelBinding,
    });
    return sign(null, Buffer.from(text), this.key);
  }

  send(frame: AgentFrame): void {
    this.connection?.send(frame);
  }

  /** The next frame of this kind; others before it are dropped. */
  async expect<K extends CoordinatorFrame['kind']>(kind: K): Promise<CoordinatorMessages[K]> {
    for (;;) {
      const frame = await this.connection?.next();
      if (frame === undefined || frame === null) {
        throw new Error(`closed (${this.connection?.closeReason}) while waiting for ${kind}`);
      }
      if (frame.kind === kind) return frame.message as CoordinatorMessages[K];
    }
  }

  report(overrides: Partial<Report> = {}): void {
    this.send({
      kind: 'report',
      message: {
        state: 'Up',
        marks: [],
        components: [
          {
            component: 'agent',
            current: this.slot,
            previous: null,
            refused: [],
            trialAttemptId: '',
            rolledBack: null,
            changed: [],
            changedCount: 0,
          },
        ],
        upgrade: null,
        isIdle: true,
        facts: [],
        labels: [],
        tasks: [],
        configurationTrouble: '',
        kept: [],
        ...overrides,
      },
    });
  }

  /** A report in probation; a healthy one asks to be confirmed. */
  reportProbation(command: CoordinatorMessages['command'], isHealthy: boolean): void {
    this.report({
      marks: ['probation'],
      upgrade: {
        commandId: command.commandId,
        attempt: command.attempt,
        component: 'agent',
        step: 'probation',
        isHealthy,
        detail: '',
        bytesDone: 0,
        bytesTotal: 0,
      },
    });
  }

  finish(command: CoordinatorMessages['command'], overrides: Partial<FinishMessage> = {}): void {
    this.#sequence += 1;
    this.sendFinish(command, { epoch: 'e1', sequence: this.#sequence, overrides });
  }

  sendFinish(
    command: { readonly commandId: string; readonly attempt: number },
    options: {
      readonly epoch: string;
      readonly sequence: number;
      readonly overrides?: Partial<FinishMessage>;
    },
  ): void {
    const finish: FinishMessage = {
      commandId: command.commandId,
      attempt: command.attempt,
      component: 'agent',
      outcome: 'succeeded',
      code: '',
      message: '',
      evidence: null,
      from: { version: '1.0.0', digest: DIGEST_1 },
      current: this.slot,
      steps: [{ step: 'preflight', startedMs: 1 }],
      bytesFetched: 10,
      bytesTotal: 100,
      rehearsal: 'not-done',
      wantedVersion: '2.0.0',
      ...options.overrides,
    };
    this.send({
      kind: 'output',
      message: {
        epoch: options.epoch,
        firstSequence: options.sequence,
        items: [{ item: 'finish', finish }],
      },
    });
  }

  async close(): Promise<void> {
    await this.connection?.close();
  }
}

export class Connection {
  readonly socket: WebSocket;
  closeCode: number | null = null;
  goodbye: CoordinatorMessages['goodbye'] | null = null;
  readonly #arrived: CoordinatorFrame[] = [];
  #wake: (() => void) | null = null;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      const decoded = decodeCoordinatorFrame(data as Buffer);
      if (decoded.kind !== 'frame') throw new Error(`the coordinator sent ${decoded.kind}`);
      if (decoded.frame.kind === 'ping') {
        this.send({ kind: 'pong', message: { id: decoded.frame.message.id } });
      }
      if (decoded.frame.kind === 'goodbye') this.goodbye = decoded.frame.message;
      this.#arrived.push(decoded.frame);
      this.#wake?.();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.#wake?.();
    });
    socket.on('error', () => undefined);
  }

  static open(url: string, options: { readonly ca?: string } = {}): Promise<Connection> {
    const socket = new WebSocket(
      `${url.replace(/^http/, 'ws')}${SESSION_PATH}`,
      SUBPROTOCOL,
      options,
    );
    const connection = new Connection(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(connection));
      socket.once('error', reject);
    });
  }

  get closeReason(): string | null {
    return this.closeCode === null
      ? null
      : (closeReasonOf(this.closeCode) ?? String(this.closeCode));
  }

  send(frame: AgentFrame): void {
    this.socket.send(encodeAgentFrame(frame));
  }

  /** Null: closed. */
  async next(): Promise<CoordinatorFrame | null> {
    for (;;) {
      const frame = this.#arrived.shift();
      if (frame !== undefined) return frame;
      if (this.closeCode !== null) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The name of the reason for which it was closed. */
  async ended(): Promise<string | null> {
    while ((await this.next()) !== null);
    return this.closeReason;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.ended();
  }
}
