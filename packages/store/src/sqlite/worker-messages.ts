import type { WriteAnswer, WriteRequest } from './engine.ts';

/** To the worker: batches, one at a time, and at last a close. */
export type ToWorker =
  | { readonly kind: 'batch'; readonly requests: readonly WriteRequest[] }
  | { readonly kind: 'close' };

export type FromWorker =
  | { readonly kind: 'opened' }
  | {
      readonly kind: 'not-opened';
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
    }
  | { readonly kind: 'answers'; readonly answers: readonly WriteAnswer[] }
  | { readonly kind: 'closed' };
