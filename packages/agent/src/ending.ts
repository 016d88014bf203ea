import { EXIT } from '@moult/core/boot';

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
