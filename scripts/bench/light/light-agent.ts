/*
 * A light agent: an agent's session without its host. The handshake with its proof, counter and ticket, the question
 * and the report at the beginning, pongs and acceptances are those of the protocol; what a host would make durable is kept
 * in memory, and what it would do is not done, or is over at once.
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { CAPABILITIES } from '@moult/agent/handshake';
import { proofText } from '@moult/core/identity';
import {
  type AgentFrame,
  CLOSE_REASONS,
  type CloseReasonName,
  type CoordinatorFrame,
  decodeCoordinatorFrame,
  encodeAgentFrame,
  type Hello,
  PROTOCOL_MINOR,
  type Report,
  SESSION_PATH,
} from '@moult/protocol';
import type { LightPeer, Peers } from './light-peer.ts';
import { type Execution, LightUpgrades } from './light-upgrades.ts';
import { Line } from './line.ts';
import { Question } from './question.ts';

export interface LightAgentFacts {
  readonly instanceId: string;
  readonly name: string;
  /** PKCS #8, DER, base64. */
  readonly privateKey: string;
  readonly version: string;
  readonly digest: string;
  readonly launcherDigest: string;
}

/** For those that carry out upgrades. */
export interface Upgrading {
  /** Of each version. */
  readonly digests: Readonly<Record<string, string>>;
  readonly executed: (execution: Execution) => void;
}

export class LightAgent implements LightPeer {
  readonly #facts: LightAgentFacts;
  readonly #peers: Peers;
  readonly #line: Line;
  readonly #key: KeyObject;
  #counter = 0;
  #ticket = '';
  readonly #question = new Question();
  /** Null: upgrades are accepted, and nothing comes of them. */
  readonly #upgrades: LightUpgrades | null;
  /** Told when a command was accepted. */
  onAccepted: (() => void) | null = null;

  constructor(of: {
    readonly url: string;
    readonly facts: LightAgentFacts;
    readonly peers: Peers;
    readonly upgrading: Upgrading | null;
  }) {
    this.#facts = of.facts;
    this.#upgrades = of.upgrading === null ? null : this.#upgradesOf(of.upgrading);
    this.#peers = of.peers;
    const key = Buffer.from(of.facts.privateKey, 'base64');
    this.#key = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    this.#line = new Line(`${of.url}${SESSION_PATH}`, {
      onOpen: () => this.#send({ kind: 'hello', message: this.#hello() }),
      onBytes: (bytes) => this.#received(bytes),
      onClosed: (wasLive) => {
        this.#question.lost(this.name);
        if (wasLive) this.#peers.lost();
      },
    });
  }

  get isLive(): boolean {
    return this.#line.isLive;
  }

  get name(): string {
    return this.#facts.name;
  }

  start(delayMs: number): void {
    this.#line.start(delayMs);
  }

  look(nowMs: number): void {
    this.#line.look(nowMs);
  }

  end(): void {
    this.#line.end();
  }

  /** The hourly question; resolves with its answer. */
  ask(): Promise<void> {
    return this.#question.ask(() => this.#send({ kind: 'check', message: { isFirst: false } }));
  }

  #upgradesOf({ digests, executed }: Upgrading): LightUpgrades {
    const { name, version, digest } = this.#facts;
    const host = {
      name,
      executed,
      send: (frame: AgentFrame) => this.#send(frame),
      report: () => this.#send({ kind: 'report', message: this.#report() }),
      redial: () => this.#line.redial(),
      digestOf: (version: string) => digests[version] ?? null,
    };
    return new LightUpgrades(host, { version, digest });
  }

  get #running(): { readonly version: string; readonly digest: string } {
    return this.#upgrades?.running ?? this.#facts;
  }

  #received(bytes: Buffer): void {
    const decoded = decodeCoordinatorFrame(bytes);
    if (decoded.kind === 'frame') this.#onFrame(decoded.frame);
    else throw new Error(`${this.name} got a frame that is ${decoded.kind}`);
  }

  #onFrame(frame: CoordinatorFrame): void {
    switch (frame.kind) {
      case 'challenge':
        this.#send({ kind: 'prove', message: { signature: this.#prove(frame.message.nonce) } });
        return;
      case 'welcome':
        this.#ticket = frame.message.ticket;
        this.#line.live();
        this.#send({ kind: 'check', message: { isFirst: true } });
        this.#send({ kind: 'report', message: this.#report() });
        this.#upgrades?.welcomed({
          epoch: frame.message.outputEpoch,
          sequence: frame.message.outputSequence,
        });
        this.#peers.live();
        return;
      case 'ping':
        this.#send({ kind: 'pong', message: { id: frame.message.id } });
        return;
      case 'command': {
        const { commandId, attempt } = frame.message;
        if (this.#upgrades !== null) this.#upgrades.ordered(frame.message);
        else this.#send({ kind: 'accept', message: { commandId, attempt } });
        this.onAccepted?.();
        this.#question.answered();
        return;
      }
      case 'hold':
        this.#question.answered();
        return;
      case 'granted':
        this.#upgrades?.granted(frame.message.point);
        return;
      case 'denied':
        this.#upgrades?.denied(frame.message.isFinal);
        return;
      case 'confirm':
        this.#upgrades?.confirmed(frame.message.commandId);
        return;
      case 'outputAck':
        this.#upgrades?.acknowledged(frame.message.lastSequence);
        return;
      case 'goodbye': {
        const { reason, retryAfterMs } = frame.message;
        const known = Object.hasOwn(CLOSE_REASONS, reason) ? (reason as CloseReasonName) : null;
        this.#peers.refused(reason);
        this.#line.goodbye({ reason: known, retryAfterMs });
      }
    }
  }

  #hello(): Hello {
    this.#counter += 1;
    const { instanceId, launcherDigest, name } = this.#facts;
    const { version, digest } = this.#running;
    return {
      instanceId,
      purpose: 'serve',
      version,
      digest,
      platform: 'linux-x64',
      protocolMinor: PROTOCOL_MINOR,
      capabilities: CAPABILITIES,
      counter: this.#counter,
      ticket: this.#ticket,
      generationSeen: 1,
      positionSeen: 0,
      commandNonce: this.#upgrades?.nonce ?? '',
      launcherVersion: this.#facts.version,
      launcherDigest,
      agentName: name,
      bootId: 'b1f0c0de-0000-4000-8000-000000000000',
    };
  }

  #prove(nonce: string): Uint8Array {
    const { instanceId } = this.#facts;
    const { version, digest } = this.#running;
    const commandNonce = this.#upgrades?.nonce ?? '';
    const proof = { nonce, instanceId, version, digest, commandNonce, channelBinding: '' };
    return sign(null, Buffer.from(proofText({ ...proof, purpose: 'serve' })), this.#key);
  }

  #report(): Report {
    const { name, version, digest, launcherDigest } = this.#facts;
    const said = this.#upgrades?.said ?? null;
    const plain = { previous: null, refused: [], trialAttemptId: '', rolledBack: null };
    const part = { ...plain, changed: [], changedCount: 0 };
    const own = {
      component: 'agent',
      ...part,
      current: said?.current ?? { version, digest },
      previous: said?.previous ?? null,
      trialAttemptId: said?.trialAttemptId ?? '',
    };
    return {
      state: said?.state ?? 'Up',
      marks: said?.marks ?? [],
      components: [
        own,
        { component: 'launcher', current: { version, digest: launcherDigest }, ...part },
      ],
      upgrade: said?.upgrade ?? null,
      isIdle: (said?.upgrade ?? null) === null,
      tasks: [],
      configurationTrouble: '',
      kept: [],
      labels: [],
      facts: [
        { name: 'hostname', value: name },
        { name: 'os', value: 'Linux 6.18.0' },
        { name: 'node', value: process.version },
      ],
    };
  }

  #send(frame: AgentFrame): void {
    this.#line.send(encodeAgentFrame(frame));
  }
}
