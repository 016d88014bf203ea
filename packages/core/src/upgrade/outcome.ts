import type { Evidence } from '../boot/index.ts';

/** How an attempt ended. All but `succeeded` leave the version that ran before. */
export type Outcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'already-there' }
  /** Made ready, which was all that was asked: the old version never stopped. */
  | { readonly kind: 'staged' }
  /** Before the switch: the old version never stopped. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  /** The coordinator took the order back before the switch. */
  | { readonly kind: 'denied'; readonly reason: string }
  /** After the switch: the launcher refused the new version and booted the one before. */
  | { readonly kind: 'rolled-back'; readonly evidence: Evidence };
