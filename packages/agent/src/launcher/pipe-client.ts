/*
 * The agent's side of the pipe: `spawned` comes first, requests are answered by id after the launcher's fsync,
 * and the agent ends when the pipe does.
 */
import type {
  AgentPipeMessage,
  LauncherPipeMessage,
  PipeRequest,
  RehearsalOutcome,
  Slot,
  Spawned,
} from '@moult/core/boot';
import { CATALOGUE, CodedError, type ErrorCode } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { LauncherChannel } from '../ports.ts';

/** The launcher says `spawned` as its first act after the spawn: longer means that there is none. */
const SPAWNED_MS_MAX = 10_000;
/** Two fsyncs on a busy disk; a launcher that needs longer is stuck. */
const ANSWER_MS_MAX = 30_000;
/** A launcher gives what it prepares ten seconds; an upgrade is held up by it no longer. */
const PREPARED_MS_MAX = 12_000;
/** A launcher gives a rehearsal a minute. */
const REHEARSED_MS_MAX = 90_000;

type Unnumbered<R> = R extends PipeRequest ? Omit<R, 'id'> : never;
export type LauncherRequest = Unnumbered<
  Extract<PipeRequest, { kind: 'try' | 'commit' | 'refuse' | 'roll-back' | 'prepare' }>
>;

export interface PipeEvents {
  onDial(): void;
  onStop(graceMs: number): void;
  /** What the version before has found, after this one had failed. */
  onProbed(reached: boolean): void;
  onClosed(): void;
}

export interface Rehearsed {
  readonly outcome: RehearsalOutcome;
  readonly detail: string;
}

interface Waiting {
  readonly resolve: (rehearsed: Rehearsed | null) => void;
  readonly reject: (error: Error) => void;
}

export class PipeClient {
  readonly #channel: LauncherChannel;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #events: PipeEvents;
  readonly #waiting = new Map<number, Waiting>();
  readonly #spawned: Promise<Spawned>;
  #lastId = 0;

  constructor(options: {
    readonly channel: LauncherChannel;
    readonly clock: Clock;
    readonly log: Logger;
    readonly events: PipeEvents;
  }) {
    this.#channel = options.channel;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#events = options.events;
    this.#spawned = new Promise((resolve, reject) => {
      this.#channel.listen({
        onMessage: (message) => this.#receive(message, resolve),
        onClosed: () => {
          const closed = new CodedError('launcher-silent', 'the pipe to the launcher closed');
          reject(closed);
          for (const { reject: fail } of this.#waiting.values()) fail(closed);
          this.#waiting.clear();
          this.#events.onClosed();
        },
      });
    });
    // Whoever never asks does not need to hear of it.
    this.#spawned.catch(() => undefined);
  }

  /** Rejects with `launcher-silent` when nothing comes in time. */
  spawned(signal: AbortSignal): Promise<Spawned> {
    return this.#within(this.#spawned, {
      ms: SPAWNED_MS_MAX,
      signal,
      what: 'the launcher did not say what it spawned',
    });
  }

  post(message: AgentPipeMessage): void {
    this.#channel.post(message);
  }

  dialled(reached: boolean): void {
    this.#lastId += 1;
    this.#channel.post({ kind: 'dialled', id: this.#lastId, reached });
  }

  /** Resolves once it is durable on the other side. Rejects with the launcher's code, or `launcher-silent`. */
  async request(request: LauncherRequest, signal: AbortSignal): Promise<void> {
    const ms = request.kind === 'prepare' ? PREPARED_MS_MAX : ANSWER_MS_MAX;
    await this.#ask(request, { ms, signal });
  }

  /** Rejects with the launcher's code, `launcher-too-old` from one that knows no rehearsals, or `launcher-silent`. */
  async rehearse(slot: Slot, signal: AbortSignal): Promise<Rehearsed> {
    const asked = { kind: 'rehearse', slot } as const;
    const rehearsed = await this.#ask(asked, { ms: REHEARSED_MS_MAX, signal });
    if (rehearsed !== null) return rehearsed;
    throw new CodedError('rehearsal-not-started', 'the launcher did not say how it went');
  }

  async #ask(
    request: Unnumbered<PipeRequest>,
    limit: { readonly ms: number; readonly signal: AbortSignal },
  ): Promise<Rehearsed | null> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answered = new Promise<Rehearsed | null>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    answered.catch(() => undefined);
    this.#channel.post({ ...request, id });
    try {
      const what = `the launcher did not answer \`${request.kind}\``;
      return await this.#within(answered, { ...limit, what });
    } finally {
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#channel.close();
  }

  #receive(message: LauncherPipeMessage, spawned: (message: Spawned) => void): void {
    switch (message.kind) {
      case 'spawned':
        spawned(message);
        return;
      case 'done':
        this.#waiting.get(message.id)?.resolve(null);
        return;
      case 'failed':
        this.#waiting
          .get(message.id)
          ?.reject(new CodedError(knownCode(message.code), message.message));
        return;
      case 'unsupported':
        if (message.id === null) return;
        this.#waiting
          .get(message.id)
          ?.reject(
            new CodedError('launcher-too-old', `the launcher does not know \`${message.what}\``),
          );
        return;
      case 'dial':
        this.#events.onDial();
        return;
      case 'stop':
        this.#events.onStop(message.graceMs);
        return;
      case 'probed':
        this.#log.info('a probe of the coordinator ended', {
          version: message.version,
          reached: message.reached,
        });
        this.#events.onProbed(message.reached);
        return;
      case 'rehearsed':
        this.#waiting.get(message.id)?.resolve(message);
        return;
    }
  }

  async #within<T>(
    work: Promise<T>,
    limit: { readonly ms: number; readonly signal: AbortSignal; readonly what: string },
  ): Promise<T> {
    const done = new AbortController();
    const timeout = this.#clock
      .sleep(limit.ms, AbortSignal.any([done.signal, limit.signal]))
      .then(() => {
        throw new CodedError('launcher-silent', `${limit.what} within ${limit.ms / 1_000} s`);
      });
    timeout.catch(() => undefined);
    try {
      return await Promise.race([work, timeout]);
    } finally {
      done.abort();
    }
  }
}

function knownCode(code: string): ErrorCode {
  return Object.hasOwn(CATALOGUE, code) ? (code as ErrorCode) : 'internal';
}
