import type { Status } from './status.ts';

export interface CatalogueEntry {
  /** What happened, as one sentence; the message of an error says to which thing. */
  readonly text: string;
  readonly status: Status;
  /** True when the same request can succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** What to do next, as one sentence for whoever reads it at 3 a.m. */
  readonly remedy: string;
}
