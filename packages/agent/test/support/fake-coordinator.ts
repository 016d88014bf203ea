import {
  type AgentFrame,
  type AgentMessages,
  type CoordinatorFrame,
  decodeAgentFrame,
  decodeCoordinatorFrame,
  encodeAgentFrame,
  encodeCoordinatorFrame,
} from '@moult/protocol';
import type { Connection, Received, Transport } from '../../src/ports.ts';

export interface FakeSession {
  readonly frames: AgentFrame[];
  send(frame: CoordinatorFrame): void;
  /** Ends the connection. */
  drop(code?: number): void;
  readonly isOpen: boolean;
}

type Answer = (frame: AgentFrame, session: FakeSession) => void;

/**
 * A coordinator in memory: answers the handshake, acknowledges output, and otherwise what a test tells it. Every frame
 * goes through the real codec both ways.
 */
export class FakeCoordinator implements Transport {
  readonly sessions: FakeSession[] = [];
  isReachable = true;
  /** Answers instead of the usual handshake when it returns true. */
  nowMs: () => number = () => 1;
  onFrame: (frame: AgentFrame, session: FakeSession) => boolean = () => false;
  acknowledges = true;
  welcome: Partial<Extract<CoordinatorFrame, { kind: 'welcome' }>['message']> = {};
  received: Extract<AgentFrame, { kind: 'output' }>['message'][] = [];
  #outputEpoch = '';
  #outputSequence = 0;

  get frames(): AgentFrame[] {
    return this.sessions.flatMap((session) => session.frames);
  }

  get last(): FakeSession {
    const session = this.sessions.at(-1);
    if (session === undefined) throw new Error('no session');
    return session;
  }

  of<K extends keyof AgentMessages>(kind: K): AgentMessages[K][] {
    const found: AgentMessages[K][] = [];
    for (const frame of this.frames) {
      // A frame of this kind has this kind's message; the union forgets the pairing.
      if (frame.kind === kind) found.push(frame.message as AgentMessages[K]);
    }
    return found;
  }

  async connect(): Promise<Connection> {
    if (!this.isReachable) throw new Error('connect ECONNREFUSED');
    const arrived: Received[] = [];
    let wake: (() => void) | null = null;
    let isOpen = true;
    const push = (received: Received) => {
      arrived.push(received);
      wake?.();
    };
    const session: FakeSession = {
      frames: [],
      get isOpen() {
        return isOpen;
      },
      send: (frame) => {
        if (!isOpen) return;
        const decoded = decodeCoordinatorFrame(encodeCoordinatorFrame(frame));
        if (decoded.kind !== 'frame') throw new Error(`cannot be read: ${decoded.kind}`);
        push(decoded);
      },
      drop: (code = 1006) => {
        if (!isOpen) return;
        isOpen = false;
        push({ kind: 'closed', code, detail: 'dropped by the test' });
      },
    };
    this.sessions.push(session);
    const answer: Answer = (frame, to) => this.#answer(frame, to);
    return {
      send: (frame) => {
        if (!isOpen) return;
        const decoded = decodeAgentFrame(encodeAgentFrame(frame));
        if (decoded.kind !== 'frame') throw new Error(`cannot be read: ${decoded.kind}`);
        session.frames.push(decoded.frame);
        queueMicrotask(() => answer(decoded.frame, session));
      },
      arrived: () => arrived.shift() ?? null,
      next: async (signal) => {
        for (;;) {
          const first = arrived.shift();
          if (first !== undefined) return first;
          await new Promise<void>((resolve, reject) => {
            if (signal.aborted) return reject(signal.reason);
            const aborted = () => reject(signal.reason);
            signal.addEventListener('abort', aborted, { once: true });
            wake = () => {
              signal.removeEventListener('abort', aborted);
              resolve();
            };
          });
          wake = null;
        }
      },
      channelBinding: () => '',
      close: () => {
        isOpen = false;
      },
    };
  }

  #answer(frame: AgentFrame, session: FakeSession): void {
    if (this.onFrame(frame, session)) return;
    switch (frame.kind) {
      case 'hello':
        session.send({
          kind: 'challenge',
          message: { nonce: 'ab'.repeat(32), nowMs: this.nowMs(), protocolMinor: 0 },
        });
        return;
      case 'prove':
        session.send({
          kind: 'welcome',
          message: {
            ticket: `ticket-${this.sessions.length}`,
            nowMs: 1,
            generation: 1,
            position: 1,
            version: '1.0.0',
            capabilities: [],
            outputEpoch: this.#outputEpoch,
            outputSequence: this.#outputSequence,
            pingMs: 20_000,
            protocolMinor: 0,
            isValidated: true,
            agentName: '',
            ...this.welcome,
          },
        });
        return;
      case 'output': {
        if (!this.acknowledges) return;
        this.received.push(frame.message);
        this.#outputEpoch = frame.message.epoch;
        this.#outputSequence = lastSequenceIn(frame.message);
        session.send({
          kind: 'outputAck',
          message: { epoch: this.#outputEpoch, lastSequence: this.#outputSequence },
        });
        return;
      }
      default:
        return;
    }
  }
}

export function lastSequenceIn({ firstSequence, items }: AgentMessages['output']): number {
  return items.reduce(
    (last, item) => last + (item.item === 'gap' ? Math.max(1, item.gap.covers) : 1),
    firstSequence - 1,
  );
}
