import { EXIT, type Spawned } from '@moult/core/boot';

/**
 * The code after a signal. 0 tells a launcher to end too, for good: only what it ordered itself, over the pipe, may say
 * that. A signal to the agent alone came from somebody else. `spawned`: null as long as the launcher has not spoken.
 */
export function signalExitOf(spawned: Spawned | null): number {
  return spawned?.launcherVersion === '' ? EXIT.stop : EXIT.restartSame;
}

/** The first reason to end counts. */
export class Ending {
  readonly #abort = new AbortController();
  #exitCode: number = EXIT.stop;
  #defect: { readonly error: unknown } | null = null;

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  end(exitCode: number): void {
    if (this.#abort.signal.aborted) return;
    this.#exitCode = exitCode;
    this.#abort.abort(new Error('the agent ends'));
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
