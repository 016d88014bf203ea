import { CATALOGUE, type ErrorCode } from './catalogue.ts';
import type { Status } from './status.ts';

export interface CodedErrorOptions {
  readonly cause?: unknown;
  /** Replaces the catalogue's remedy when the place knows better what to do next. */
  readonly remedy?: string;
}

/**
 * A failure with a stable name. `message` says what happened and to which thing, `remedy` what to do
 * next; status and retryability come from the catalogue, so that a code means the same everywhere.
 */
export class CodedError extends Error {
  override readonly name: string = 'CodedError';
  readonly code: ErrorCode;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, options: CodedErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy ?? CATALOGUE[code].remedy;
  }

  get status(): Status {
    return CATALOGUE[this.code].status;
  }

  get retryable(): boolean {
    return CATALOGUE[this.code].retryable;
  }
}

/** Turns anything caught into a coded error, in one place. What is not coded already is `internal`. */
export function codedErrorFrom(caught: unknown): CodedError {
  if (caught instanceof CodedError) return caught;
  const message = caught instanceof Error ? caught.message : String(caught);
  return new CodedError('internal', message, { cause: caught });
}
