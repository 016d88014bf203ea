/*
 * Drives the upgrade machine of core:
 *
 *   event → next state → saved (fsync) → old work aborted and awaited → new work begun → its event   (U10)
 *
 * U3: no state is ever without work. Work that fails feeds back `work-failed`; work whose event changes nothing, and
 * saving that fails, begin the old state's work again after a pause; what cannot go on ends the process. Work is
 * idempotent, so beginning it again is always right. Nothing here knows what the states mean.
 */
import { CodedError, codedErrorFrom } from '@moult/core/errors';
import {
  attemptIdIn,
  namedFailure,
  step,
  troubleIn,
  type UpgradeEvent,
  type UpgradeState,
  type UpgradeWork,
  waitBefore,
  workOf,
} from '@moult/core/upgrade';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import { isDiskTrouble } from '../database/index.ts';
import { pause } from '../waiting.ts';

/** What work ends with: a fact for the machine, or the wish that this process ends with an exit code. */
export type WorkResult = UpgradeEvent | { readonly kind: 'leave'; readonly exitCode: number };

export type Workers = {
  readonly [K in UpgradeWork['kind']]: (
    work: Extract<UpgradeWork, { readonly kind: K }>,
    signal: AbortSignal,
  ) => Promise<WorkResult>;
};

export interface UpgraderOptions {
  /** Durable when it returns. */
  readonly save: (state: UpgradeState) => void;
  readonly workers: Workers;
  readonly clock: Clock;
  readonly log: Logger;
  /** True: work that waits to be tried again may begin now. False: the signal came first. */
  readonly sooner: (state: UpgradeState, signal: AbortSignal) => Promise<boolean>;
  readonly onState: (state: UpgradeState) => void;
  /** `trouble` has changed while the state has not. */
  readonly onTrouble: () => void;
  /** The process ends with this code; nothing is started any more. */
  readonly onLeave: (exitCode: number) => void;
  /** A defect: the process must crash. */
  readonly onDefect: (error: unknown) => void;
}

/** Between two beginnings of the same work, so that nothing spins. */
const AGAIN_MS = 1_000;
/** A disk that takes no state for so long needs a new process, or a person. */
const SAVE_FAILURES_MAX = 60;
const EXIT_UNSAVEABLE = 76;

export class Upgrader {
  readonly #options: UpgraderOptions;
  #state: UpgradeState = { kind: 'idle' };
  #work: { readonly abort: AbortController; readonly ended: Promise<void> } | null = null;
  #queue: Promise<void> = Promise.resolve();
  #saveFailures = 0;
  /** Why the next state could not be saved; null: it could. */
  #saveTrouble: string | null = null;
  #isStopped = false;

  constructor(options: UpgraderOptions) {
    this.#options = options;
  }

  get state(): UpgradeState {
    return this.#state;
  }

  /** What keeps this upgrade from going on for now, in a sentence; null: nothing that failed. */
  get trouble(): string | null {
    return this.#saveTrouble ?? troubleIn(this.#state);
  }

  /** `booted` is taken before any work: in `switching` two versions look the same (U7). */
  start(loaded: UpgradeState, booted: Extract<UpgradeEvent, { kind: 'booted' }>): void {
    const state = step(loaded, booted);
    // Also one that was read as `reporting` and was something else: what its end leaves behind is kept with it (A4).
    if (state !== loaded || state.kind === 'reporting') this.#options.save(state);
    this.#enter(state);
  }

  /** Events are taken one at a time, in the order of their arrival. */
  send(event: UpgradeEvent): Promise<void> {
    const taken = this.#queue.then(() => this.#take(event, false));
    this.#queue = taken.catch(this.#options.onDefect);
    return this.#queue;
  }

  /** Aborts the work and waits for its end. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#endWork();
  }

  async #take(event: UpgradeEvent, isWorkOver: boolean): Promise<void> {
    if (this.#isStopped) return;
    const next = step(this.#state, event);
    if (next === this.#state) {
      if (isWorkOver) this.#begin(AGAIN_MS);
      return;
    }
    if (!this.#isSaved(next)) {
      if (this.#saveFailures >= SAVE_FAILURES_MAX) return this.#leave(EXIT_UNSAVEABLE);
      if (isWorkOver) this.#begin(AGAIN_MS);
      return;
    }
    await this.#endWork();
    if (!this.#isStopped) this.#enter(next);
  }

  #isSaved(next: UpgradeState): boolean {
    try {
      this.#options.save(next);
      this.#saveFailures = 0;
      this.#saveTrouble = null;
      return true;
    } catch (error) {
      this.#saveFailures += 1;
      const { message } = codedErrorFrom(error);
      this.#saveTrouble = `the upgrade record cannot be saved: ${message}`;
      this.#options.onTrouble();
      this.#options.log.error('the upgrade record cannot be saved', {
        from: this.#state.kind,
        to: next.kind,
        failures: this.#saveFailures,
        message,
      });
      return false;
    }
  }

  #enter(state: UpgradeState): void {
    if (state.kind !== this.#state.kind) {
      this.#options.log.info('upgrade', { step: state.kind, attempt: attemptIdIn(state) });
    }
    this.#state = state;
    this.#options.onState(state);
    this.#begin(0);
  }

  #begin(afterMs: number): void {
    const abort = new AbortController();
    const ended = this.#run(afterMs, abort.signal).catch(this.#options.onDefect);
    this.#work = { abort, ended };
  }

  async #endWork(): Promise<void> {
    const work = this.#work;
    this.#work = null;
    work?.abort.abort(new WorkOver());
    await work?.ended;
  }

  /** Never rejects for what the work does; a rejection is a defect. */
  async #run(afterMs: number, signal: AbortSignal): Promise<void> {
    const work = workOf(this.#state);
    const attemptId = attemptIdIn(this.#state);
    const result = await this.#resultOf(work, { afterMs, attemptId, signal });
    // Aborted: whoever aborted it has begun, or will begin, what comes next.
    if (result === null || signal.aborted) return;
    if (result.kind === 'leave') return this.#leave(result.exitCode);
    // Not awaited: taking the event awaits the end of this very work.
    this.#queue = this.#queue.then(() => this.#take(result, true)).catch(this.#options.onDefect);
  }

  async #resultOf(
    work: UpgradeWork,
    run: {
      readonly afterMs: number;
      readonly attemptId: string | null;
      readonly signal: AbortSignal;
    },
  ): Promise<WorkResult | null> {
    const { clock, workers, log } = this.#options;
    const { signal } = run;
    const waitMs = Math.max(run.afterMs, waitBefore(work, clock.nowMs()));
    if (waitMs > 0) await this.#waited(waitMs, signal);
    if (signal.aborted) return null;
    try {
      // The pairing of kind and worker is kept by the Workers type.
      const worker = workers[work.kind] as (
        work: UpgradeWork,
        signal: AbortSignal,
      ) => Promise<WorkResult>;
      return await worker(work, signal);
    } catch (caught) {
      if (signal.aborted) return null;
      const error = codedFailure(caught);
      const named = namedFailure(error).code;
      log.warn('work of the upgrade failed', {
        work: work.kind,
        ...(named === error.code ? {} : { named }),
        code: error.code,
        message: error.message,
        retryable: error.retryable,
      });
      return {
        kind: 'work-failed',
        attemptId: run.attemptId ?? '',
        code: error.code,
        message: error.message,
        isRetryable: error.retryable,
        nowMs: clock.nowMs(),
      };
    }
  }

  async #waited(waitMs: number, signal: AbortSignal): Promise<void> {
    const { clock, sooner } = this.#options;
    const over = new AbortController();
    const either = AbortSignal.any([over.signal, signal]);
    await Promise.race([pause(clock, waitMs, either), sooner(this.#state, either)]);
    over.abort(new Error('the wait is over'));
  }

  #leave(exitCode: number): void {
    this.#isStopped = true;
    this.#options.onLeave(exitCode);
  }
}

/** T24: a disk or a handle that was missing for a moment is no defect: it has a name, and is tried again. */
function codedFailure(caught: unknown): CodedError {
  const error = codedErrorFrom(caught);
  if (caught instanceof CodedError || !isDiskTrouble(caught)) return error;
  return new CodedError('file-unwritable', error.message, { cause: caught });
}

/** Why work was aborted: its state is over. */
class WorkOver extends Error {
  override readonly name: string = 'WorkOver';
}
