/*
 * A host with its agent, as a coordinator can tell it from outside: it speaks the real frames, takes commands durably, asks
 * for permission, proves the digest that it runs, reports how it ended until that is acknowledged. What is inside is
 * pretended, so that hundreds of them are affordable. What it runs is the truth that the oracle believes.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { proofText } from '@moult/core/identity';
import {
  type AgentFrame,
  CLOSE_REASONS,
  type CoordinatorFrame,
  type CoordinatorMessages,
  closeReasonOf,
  type Hello,
} from '@moult/protocol';
import type { RealCoordinator } from '../fleet/real-coordinator.ts';
import type { Scheduler } from '../scheduler.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { LightLink } from './light-link.ts';
import { LightOutbox } from './light-outbox.ts';
import type { LightRelease } from './light-releases.ts';
import { type Job, LightUpgrade, type Slot } from './light-upgrade.ts';

export interface LightAgentOptions {
  readonly name: string;
  readonly number: number;
  readonly group: string;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly coordinator: RealCoordinator;
  readonly first: Slot;
  readonly releaseOf: (version: string) => LightRelease;
  readonly watch: Watch;
  readonly isMended: () => boolean;
}

/** Told of what is so on the host, whatever anybody is told over the wire. */
export interface Watch {
  /** It has stopped working for this command, or works again. */
  wentDown(agent: LightAgent, job: Job): void;
  switched(agent: LightAgent, job: Job): void;
}

/** What a copy of the host's disk has. */
export interface Session {
  counter: number;
  ticket: string;
  generationSeen: number;
  positionSeen: number;
}

const ANSWER_MS_MAX = 10_000;
const RETRY_MS = { soon: [50, 2_000], backoff: [500, 20_000], slow: [30_000, 90_000] } as const;
const REPORT_MS = 10_000;
const UNDER_WAY_MS = 2_000;
/** By docs/spec/rollout.md. */
const GONE_MS = 600_000;
/** How often a connection ends with an order that was just taken. */
const BREAKS = 0.04;
const CAPABILITIES = [
  'auto-upgrade',
  'cleanup',
  'control',
  'output',
  'upgrading-state',
  'soft-upgrade',
  'fetch-only',
];

export class LightAgent {
  readonly name: string;
  readonly number: number;
  /** RO56: by the store that serves. */
  group: string;
  readonly publicKey: string;
  instanceId = '';
  /** A copy of a host: it shows its identity and takes no commands. */
  readonly isCopy: boolean;
  readonly session: Session;
  readonly upgrade: LightUpgrade;
  isRemoved = false;
  marks: readonly string[] = [];
  isPaused = false;
  readonly #options: LightAgentOptions;
  readonly #key: KeyObject;
  readonly #outbox: LightOutbox;
  #life = 0;
  #isOn = false;
  #link: LightLink | null = null;
  #isLive = false;
  /** When it said something last, in a session. */
  #spokeMs = Number.NEGATIVE_INFINITY;

  constructor(options: LightAgentOptions, original: LightAgent | null = null) {
    this.#options = options;
    this.name = options.name;
    this.number = options.number;
    this.group = options.group;
    this.isCopy = original !== null;
    if (original === null) {
      const pair = generateKeyPairSync('ed25519');
      this.#key = createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
      this.publicKey = String(pair.publicKey.export({ format: 'jwk' }).x);
      this.session = { counter: 0, ticket: '', generationSeen: 0, positionSeen: 0 };
    } else {
      this.#key = original.#key;
      this.publicKey = original.publicKey;
      this.instanceId = original.instanceId;
      this.session = { ...original.session };
    }
    this.upgrade = new LightUpgrade({
      ...options,
      agent: this,
      committed: original?.upgrade.committed ?? options.first,
      after: (ms, run) => this.#after(ms, run),
      nowMs: () => options.scheduler.nowMs,
      send: (frame) => this.#send(frame),
      finish: (finish) => this.#outbox.add(finish),
      restart: (ms) => this.crash(ms),
      report: () => this.#report(),
    });
    this.#outbox = new LightOutbox((frame) => this.#send(frame));
  }

  copy(): LightAgent {
    return new LightAgent(this.#options, this);
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  get isLive(): boolean {
    return this.#isLive;
  }

  /** RO36: it is not gone. What it said just now may be under way. */
  get hasSpokenLately(): boolean {
    const quietMs = this.#options.scheduler.nowMs - this.#spokeMs;
    return quietMs > UNDER_WAY_MS && quietMs < GONE_MS;
  }

  /** What it is at; empty: nothing. */
  get commandId(): string {
    return this.upgrade.job?.commandId ?? '';
  }

  get outboxSize(): number {
    return this.#outbox.size;
  }

  start(): void {
    if (this.#isOn || this.isRemoved) return;
    this.#isOn = true;
    this.#life += 1;
    this.#after(this.#options.random.spread(1, 2_000), () => this.#connect());
    // It may roll back, and start anew.
    this.upgrade.resume();
  }

  /** As a power cut, until somebody starts it. */
  stop(): void {
    this.#isOn = false;
    this.#life += 1;
    this.#hangUp();
  }

  /** Nobody hears of it again before the world is mended. */
  vanish(): void {
    if (this.#options.isMended()) this.crash(ANSWER_MS_MAX);
    else this.stop();
  }

  /** Its process ends, and the host starts it anew. */
  crash(ms: number): void {
    this.stop();
    const life = this.#life;
    this.#options.scheduler.after(ms, () => {
      if (life === this.#life) this.start();
    });
  }

  /** The connection breaks. */
  breakOff(): void {
    if (this.#link === null) return;
    this.#hangUp();
    this.#again('soon');
  }

  sayMarks(marks: readonly string[]): void {
    this.marks = marks;
    this.#report();
  }

  #connect(): void {
    const { coordinator, scheduler, random } = this.#options;
    if (!coordinator.isListening) {
      this.#again('backoff');
      return;
    }
    this.session.counter += 1;
    const link = new LightLink({
      scheduler,
      random,
      accept: (end) => coordinator.accept(end),
      onFrame: (frame) => this.#received(frame),
      onClosed: (code) => {
        this.#link = null;
        this.#isLive = false;
        const reason = closeReasonOf(code);
        if (reason === 'decommissioned') this.isRemoved = true;
        else this.#again(reason === null ? 'soon' : CLOSE_REASONS[reason].retry);
      },
    });
    this.#link = link;
    const hello = this.#hello();
    this.#send({ kind: 'hello', message: hello });
    this.#after(ANSWER_MS_MAX, () => {
      if (this.#link === link && !this.#isLive) this.breakOff();
    });
  }

  #again(advice: keyof typeof RETRY_MS): void {
    const [shortest, longest] = RETRY_MS[advice];
    const life = this.#life;
    this.#options.scheduler.after(this.#options.random.spread(shortest, longest), () => {
      if (life === this.#life && this.#link === null && !this.isRemoved) this.#connect();
    });
  }

  #hangUp(): void {
    this.#link?.close();
    this.#link = null;
    this.#isLive = false;
  }

  #hello(): Hello {
    const { runs, job } = this.upgrade;
    return {
      ...this.session,
      ...runs,
      instanceId: this.instanceId,
      purpose: 'serve',
      platform: 'linux-x64',
      protocolMinor: 0,
      capabilities: CAPABILITIES,
      commandNonce: this.upgrade.isOnTrial ? (job?.nonce ?? '') : '',
      launcherVersion: '',
      launcherDigest: '',
      agentName: this.name,
      bootId: 'boot-1',
    };
  }

  #received(frame: CoordinatorFrame): void {
    switch (frame.kind) {
      case 'challenge':
        this.#send({ kind: 'prove', message: { signature: this.#proof(frame.message.nonce) } });
        return;
      case 'welcome':
        this.#welcomed(frame.message);
        return;
      case 'ping':
        this.#send({ kind: 'pong', message: { id: frame.message.id } });
        return;
      case 'command':
        this.#seen(frame.message);
        if (!this.isCopy) this.#ordered(frame.message);
        return;
      case 'outputAck':
        this.#outbox.acknowledged(frame.message.epoch, frame.message.lastSequence);
        return;
      case 'granted':
      case 'denied':
      case 'confirm':
      case 'reject':
        this.upgrade.answered(frame);
    }
  }

  #welcomed(welcome: CoordinatorMessages['welcome']): void {
    this.#isLive = true;
    this.session.ticket = welcome.ticket;
    this.#seen(welcome);
    if (this.isCopy) return;
    this.#outbox.agree(welcome.outputEpoch, welcome.outputSequence);
    this.#report();
    this.#send({ kind: 'check', message: { isFirst: true } });
    this.#outbox.send();
    this.upgrade.connected();
    this.#keepSaying(this.#life, this.#link);
  }

  /** Frames are lost at times: what has no answer is said again. */
  #keepSaying(life: number, link: LightLink | null): void {
    this.#after(REPORT_MS, () => {
      if (life !== this.#life || link !== this.#link || link === null) return;
      if (this.#outbox.size > 0 || this.upgrade.isOnTrial) {
        this.#report();
        this.#outbox.send();
      }
      this.#keepSaying(life, link);
    });
  }

  #seen(of: { readonly generation: number; readonly position: number }): void {
    const { session } = this;
    if (of.generation < session.generationSeen) return;
    const isSame = of.generation === session.generationSeen;
    session.positionSeen = isSame ? Math.max(session.positionSeen, of.position) : of.position;
    session.generationSeen = of.generation;
  }

  #ordered(command: CoordinatorMessages['command']): void {
    const { commandId, attempt, control } = command;
    if (command.autoUpgrade) {
      this.upgrade.ordered(command);
      // It has it, and nobody knows.
      const { isMended, random } = this.#options;
      if (!isMended() && random.chance(BREAKS)) this.breakOff();
      return;
    }
    if (!control) return;
    this.#send({ kind: 'accept', message: { commandId, attempt } });
    if (control.action === 'pause') this.isPaused = true;
    if (control.action === 'resume') this.isPaused = false;
    this.#outbox.add(this.upgrade.finishOf({ commandId, attempt, outcome: 'succeeded' }));
    this.#report();
  }

  #report(): void {
    const { runs, committed, refused, job, step } = this.upgrade;
    const isChanging = step === 'draining' || step === 'switching';
    const isOnTrial = this.upgrade.isOnTrial;
    const state = isChanging ? 'Upgrading' : this.isPaused ? 'Paused' : 'Up';
    const upgrade =
      job === null || step === null
        ? null
        : {
            commandId: job.commandId,
            attempt: job.attempt,
            component: 'agent',
            step,
            isHealthy: this.upgrade.isHealthy,
            ...{ detail: '', bytesDone: 0, bytesTotal: 0 },
          };
    this.#send({
      kind: 'report',
      message: {
        state,
        marks: [...this.marks, ...(isOnTrial ? ['probation'] : [])],
        components: [
          {
            component: 'agent',
            current: isOnTrial ? committed : runs,
            previous: null,
            refused: [...refused],
            trialAttemptId: isOnTrial && job !== null ? `${job.commandId}/${job.attempt}` : '',
            ...{ rolledBack: null, changed: [], changedCount: 0 },
          },
        ],
        upgrade,
        isIdle: !this.upgrade.isBusy,
        ...{ facts: [], labels: [], tasks: [], configurationTrouble: '', kept: [] },
      },
    });
  }

  #proof(nonce: string): Uint8Array {
    const { instanceId, purpose, version, digest, commandNonce } = this.#hello();
    const text = proofText({
      ...{ nonce, instanceId, version, digest, commandNonce, channelBinding: '' },
      purpose: purpose as 'serve',
    });
    return sign(null, Buffer.from(text), this.#key);
  }

  /** Of what has no connection, or no welcome yet, nothing is lost: it is said after the next welcome. */
  #send(frame: AgentFrame): void {
    const isHandshake = frame.kind === 'hello' || frame.kind === 'prove';
    if (this.#isLive) this.#spokeMs = this.#options.scheduler.nowMs;
    if (this.#link !== null && (this.#isLive || isHandshake)) this.#link.send(frame);
  }

  #after(ms: number, run: () => void): void {
    const life = this.#life;
    this.#options.scheduler.after(ms, () => {
      if (life === this.#life) run();
    });
  }
}
