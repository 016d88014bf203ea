import { PERMISSION_ANSWER_MS, type PermissionPoint, type UpgradeEvent } from '@moult/core/upgrade';
import type { AgentFrame, CoordinatorMessages } from '@moult/protocol';
import type { Clock } from '@moult/runtime/clock';
import { pause } from '../waiting.ts';

type Answer =
  | { readonly kind: 'granted' }
  | { readonly kind: 'denied'; readonly reason: string; readonly isFinal: boolean };

export interface Question {
  readonly commandId: string;
  readonly attempt: number;
  readonly point: PermissionPoint;
}

const POINTS: readonly PermissionPoint[] = ['drain', 'switch'];

/** Asks the coordinator and pairs its answer with the question: a grant for one point grants nothing else (U5). */
export class PermissionDesk {
  readonly #clock: Clock;
  readonly #send: (frame: AgentFrame) => boolean;
  readonly #open = new Map<string, (answer: Answer | null) => void>();

  constructor(options: {
    readonly clock: Clock;
    readonly send: (frame: AgentFrame) => boolean;
  }) {
    this.#clock = options.clock;
    this.#send = options.send;
  }

  granted(message: CoordinatorMessages['granted']): void {
    this.#open.get(nameOf(message))?.({ kind: 'granted' });
  }

  /** False: nobody here has asked. What is final answers whatever is open about the attempt. */
  denied(message: CoordinatorMessages['denied']): boolean {
    const { reason, isFinal } = message;
    const names = isFinal
      ? POINTS.map((point) => nameOf({ ...message, point }))
      : [nameOf(message)];
    const open = names.flatMap((name) => this.#open.get(name) ?? []);
    for (const settle of open) settle({ kind: 'denied', reason, isFinal });
    return open.length > 0;
  }

  /** The session ended: whatever was asked over it will not be answered any more. */
  lost(): void {
    for (const settle of this.#open.values()) settle(null);
  }

  /** No session, one that ends before it answers, or no answer in PERMISSION_ANSWER_MS, is an event too. */
  async ask(question: Question, signal: AbortSignal): Promise<UpgradeEvent> {
    const { commandId, attempt, point } = question;
    const done = new AbortController();
    const answered = new Promise<Answer | null>((resolve) =>
      this.#open.set(nameOf(question), resolve),
    );
    const limit = pause(
      this.#clock,
      PERMISSION_ANSWER_MS,
      AbortSignal.any([done.signal, signal]),
    ).then(() => null);
    const isSent = this.#send({ kind: 'permission', message: { commandId, attempt, point } });
    try {
      const answer = isSent ? await Promise.race([answered, limit]) : null;
      signal.throwIfAborted();
      const common = {
        attemptId: `${commandId}/${attempt}`,
        point,
        nowMs: this.#clock.nowMs(),
      };
      if (answer === null) return { kind: 'permission-unanswered', ...common };
      if (answer.kind === 'granted') return { kind: 'permission-granted', ...common };
      const { reason, isFinal } = answer;
      return { kind: 'permission-denied', ...common, reason, isFinal };
    } finally {
      done.abort();
      this.#open.delete(nameOf(question));
    }
  }
}

function nameOf(about: {
  readonly commandId: string;
  readonly attempt: number;
  readonly point: string;
}): string {
  return `${about.commandId}/${about.attempt}/${about.point}`;
}
