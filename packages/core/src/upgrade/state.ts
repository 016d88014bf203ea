import type { ComponentRecord, Slot } from '../boot/index.ts';
import type { Component } from '../component.ts';
import type { Course, UpgradeOrder } from './order.ts';
import type { Outcome } from './outcome.ts';

/** How often a state's work has failed, and when it is tried again. Times are wall clock, ms. */
export interface Retry {
  readonly failures: number;
  readonly notBeforeMs: number;
  /** True: the last failure was the network's. Records of older versions lack it, and `hurries`. */
  readonly isOfNetwork?: boolean;
  /** How the last try failed; absent where nothing failed, and in records of older versions. */
  readonly last?: { readonly code: string; readonly message: string };
  /** How often a wait was cut short because a session came back. */
  readonly hurries?: number;
}

/** Saved as the upgrade record: a frozen contract between versions. Kinds and fields are added, never renamed. */
export type UpgradeState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'preflight'; readonly course: Course; readonly retry: Retry }
  | { readonly kind: 'fetching'; readonly course: Course; readonly retry: Retry }
  | { readonly kind: 'staged'; readonly course: Course; readonly slot: Slot; readonly retry: Retry }
  | {
      readonly kind: 'rehearsed';
      readonly course: Course;
      readonly slot: Slot;
      readonly retry: Retry;
    }
  | {
      readonly kind: 'draining';
      readonly course: Course;
      readonly slot: Slot;
      readonly retry: Retry;
    }
  | {
      readonly kind: 'switching';
      readonly course: Course;
      readonly slot: Slot;
      readonly retry: Retry;
    }
  | {
      readonly kind: 'probation';
      readonly course: Course;
      readonly slot: Slot;
      /** Attested and leftover output delivered: no longer Upgrading, but Up with the mark `probation`. */
      readonly isAttested: boolean;
      readonly retry: Retry;
    }
  | {
      readonly kind: 'committing';
      readonly course: Course;
      readonly slot: Slot;
      readonly retry: Retry;
    }
  | {
      readonly kind: 'rolling-back';
      readonly course: Course;
      readonly slot: Slot;
      readonly reason:
        | 'rejected-by-coordinator'
        | 'own-checks-failed'
        | 'cannot-upgrade-again'
        | 'rolled-back-by-owner';
      readonly detail: string;
      readonly retry: Retry;
    }
  | {
      readonly kind: 'reporting';
      readonly course: Course;
      readonly outcome: Outcome;
      readonly retry: Retry;
    };

export type PermissionPoint = 'drain' | 'switch';

/** What the launcher says of each component at a boot: enough to tell an attempt's fate. */
export type BootView = Readonly<
  Record<
    Component,
    Pick<ComponentRecord, 'committed' | 'previous' | 'refused'> & {
      readonly trialAttemptId: string | null;
    }
  >
>;

/** Facts, in the past tense. Those about one attempt name it; a stale one changes nothing. */
export type UpgradeEvent =
  | {
      readonly kind: 'booted';
      readonly view: BootView;
      /** Digests of what runs, which is not what is committed where that cannot be started; null: no slot. */
      readonly running: Readonly<Record<Component, string | null>>;
      readonly nowMs: number;
    }
  | {
      readonly kind: 'ordered';
      readonly order: UpgradeOrder;
      readonly from: Slot | null;
      readonly nowMs: number;
    }
  | { readonly kind: 'preflight-passed'; readonly attemptId: string; readonly nowMs: number }
  /** The release that was ordered, by its digest, is the committed one, and runs: there is nothing to do. */
  | { readonly kind: 'found-current'; readonly attemptId: string; readonly nowMs: number }
  | {
      readonly kind: 'fetched';
      readonly attemptId: string;
      readonly slot: Slot;
      readonly bytesFetched: number;
      readonly bytesTotal: number;
      readonly nowMs: number;
    }
  | {
      readonly kind: 'rehearsal-ended';
      readonly attemptId: string;
      readonly rehearsal: Course['rehearsal'];
      readonly nowMs: number;
    }
  | {
      readonly kind: 'permission-granted';
      readonly attemptId: string;
      readonly point: PermissionPoint;
      readonly nowMs: number;
    }
  | {
      readonly kind: 'permission-denied';
      readonly attemptId: string;
      readonly point: PermissionPoint;
      readonly reason: string;
      /** True: the order was taken back. False: not now; ask again. */
      readonly isFinal: boolean;
      readonly nowMs: number;
    }
  /** The coordinator did not answer in time, or was not there to be asked. */
  | {
      readonly kind: 'permission-unanswered';
      readonly attemptId: string;
      readonly point: PermissionPoint;
      readonly nowMs: number;
    }
  /** A session was opened. */
  | { readonly kind: 'reconnected'; readonly attemptId: string; readonly nowMs: number }
  | { readonly kind: 'attested'; readonly attemptId: string; readonly nowMs: number }
  | { readonly kind: 'confirmed'; readonly attemptId: string; readonly nowMs: number }
  | {
      readonly kind: 'rejected';
      readonly attemptId: string;
      readonly by: 'coordinator' | 'owner';
      readonly reason: string;
      readonly nowMs: number;
    }
  | { readonly kind: 'committed'; readonly attemptId: string; readonly nowMs: number }
  | { readonly kind: 'reported'; readonly attemptId: string; readonly nowMs: number }
  /** The state's work could not be done. */
  | {
      readonly kind: 'work-failed';
      readonly attemptId: string;
      readonly code: string;
      readonly message: string;
      readonly isRetryable: boolean;
      readonly nowMs: number;
    };
