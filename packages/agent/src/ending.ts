import { EXIT, type Spawned } from '@moult/core/boot';

/**
 * The code after a signal. 0 tells a launcher to end too, for good: only what it ordered itself, over the pipe, may say
 * that. A signal to the agent alone came from somebody else. `spawned`: null as long as the launcher has not spoken.
 */
export function signalExitOf(spawned: Spawned | null): number {
  return spawned?.launcherVersion === '' ? EXIT.stop : EXIT.restartSame;
}

/** After a signal, or by its own will. */
const USUAL_GRACE_MS = 25_000;

/** The first reason to end counts. */
export class Ending {
  readonly #abort = new AbortController();
  #exitCode: number = EXIT.stop;
  #graceMs = USUAL_GRACE_MS;
  #defect: { readonly error: unknown } | null = null;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** `graceMs`: then the process is ended from outside. The shortest counts. */
  end(exitCode: number, graceMs: number = USUAL_GRACE_MS): void {
    this.#graceMs = Math.min(this.#graceMs, graceMs);
    if (this.#abort.signal.aborted) return;
    this.#exitCode = exitCode;
    this.#abort.abort(new Error('the agent ends'));
  }

  /** How long this process has, all in all. */
  get graceMs(): number {
    return this.#graceMs;
  }

  crash(error: unknown): void {
    if (this.#abort.signal.aborted) return;
    this.#defect = { error };
    this.#abort.abort(new Error('the agent crashes'));
  }

  /** The exit code; throws the defect. */
  result(): number {
    if (this.#defect !== null) throw this.#defect.error;
    return this.#exitCode;
  }
}
