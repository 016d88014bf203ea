/*
 * What may happen to a boot record, one function each. Pure: whoever calls writes the result (fsync) before it acts on it.
 * Nonsense is refused by value. Spreads keep fields that this version does not know.
 */
import type { Component } from '../component.ts';
import type { ErrorCode } from '../errors/index.ts';
import type { Evidence } from './evidence.ts';
import {
  type BootRecord,
  type ComponentRecord,
  REBOOT_TRIES_MAX,
  REFUSALS_MAX,
  type Refusal,
  type Slot,
  TRIES_MAX,
  type Trial,
} from './record.ts';

export type RecordStep =
  | { readonly kind: 'changed'; readonly record: BootRecord }
  /** Already so: answered `done` like a change, and nothing is written. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'rejected'; readonly code: ErrorCode; readonly message: string };

/** The record of a first installation: the agent's slot is committed, the launcher is the first launcher itself. */
export function firstRecord(agentSlot: Slot): BootRecord {
  return {
    format: 1,
    revision: 1,
    components: { agent: { ...EMPTY_COMPONENT, committed: agentSlot }, launcher: EMPTY_COMPONENT },
  };
}

export const EMPTY_COMPONENT: ComponentRecord = {
  committed: null,
  previous: null,
  committedAttemptId: null,
  trial: null,
  refused: [],
};

export interface TryOrder {
  readonly component: Component;
  readonly slot: Slot;
  readonly attemptId: string;
  readonly watchedMs: number;
  /** Whether a begun trial of this component is what runs now: then it ends first. */
  readonly isTrialRunning: boolean;
}

export function askTry(record: BootRecord, order: TryOrder): RecordStep {
  const { component, slot, attemptId } = order;
  const now = record.components[component];
  if (now.trial?.attemptId === attemptId && now.trial.slot.digest === slot.digest)
    return { kind: 'unchanged' };
  if (order.isTrialRunning)
    return rejected('boot-trial-running', `a trial of the ${component} is running`);
  const other = record.components[component === 'agent' ? 'launcher' : 'agent'].trial;
  // B9: one begun trial on a host at a time, so that a failure has one cause.
  if (other !== null && hasBegun(other)) {
    return rejected('boot-trial-running', `${other.slot.dir} is on trial on this host`);
  }
  if (component === 'agent' && now.committed === null) {
    return rejected('nothing-to-boot', 'no version is committed that a trial could fall back to');
  }
  if (now.committed?.digest === slot.digest)
    return rejected('boot-slot-current', `${slot.dir} is committed`);
  // B8: an attempt that was refused stays refused; another (forced) attempt may try the digest again.
  if (
    now.refused.some((refusal) => refusal.digest === slot.digest && refusal.attemptId === attemptId)
  ) {
    return rejected('boot-slot-refused', `${slot.dir} was refused in this attempt`);
  }
  const trial: Trial = {
    slot,
    attemptId,
    tries: 0,
    rebootTries: 0,
    bootId: null,
    watchedLeftMs: order.watchedMs,
  };
  const refused = now.refused.filter((refusal) => refusal.digest !== slot.digest);
  return changed(record, component, { ...now, trial, refused });
}

export type TryBegun =
  | { readonly kind: 'begun'; readonly record: BootRecord }
  | { readonly kind: 'exhausted'; readonly reason: 'crashed' | 'reboots-exhausted' };

/** B5: counts a boot before it happens. A last try that a changed boot id ended counts there, with its own limit. */
export function beginTry(record: BootRecord, component: Component, bootId: string): TryBegun {
  const now = record.components[component];
  if (now.trial === null) return { kind: 'exhausted', reason: 'crashed' };
  const { trial } = now;
  const hostWentDown = trial.bootId !== null && trial.bootId !== bootId && trial.tries > 0;
  if (hostWentDown && trial.rebootTries >= REBOOT_TRIES_MAX)
    return { kind: 'exhausted', reason: 'reboots-exhausted' };
  if (!hostWentDown && trial.tries >= TRIES_MAX) return { kind: 'exhausted', reason: 'crashed' };
  const counted = hostWentDown
    ? { rebootTries: trial.rebootTries + 1 }
    : { tries: trial.tries + 1 };
  return {
    kind: 'begun',
    record: replaced(record, component, { ...now, trial: { ...trial, ...counted, bootId } }),
  };
}

/** An ordered stop is no failure: the try is given back, and with it the memory of the boot. */
export function giveTryBack(record: BootRecord, component: Component): BootRecord {
  const now = record.components[component];
  if (now.trial === null || now.trial.tries === 0) return record;
  return replaced(record, component, {
    ...now,
    trial: { ...now.trial, tries: now.trial.tries - 1, bootId: null },
  });
}

export function withWatchedLeft(
  record: BootRecord,
  component: Component,
  leftMs: number,
): BootRecord {
  const now = record.components[component];
  if (now.trial === null || now.trial.watchedLeftMs === leftMs) return record;
  return replaced(record, component, {
    ...now,
    trial: { ...now.trial, watchedLeftMs: Math.max(0, leftMs) },
  });
}

export interface CommitOrder {
  readonly component: Component;
  readonly attemptId: string;
  /** Digest of what runs now: only a version that runs can be committed. */
  readonly runningDigest: string | null;
}

/** B1: with `rollBack` the only step that changes `committed`. */
export function commitTrial(record: BootRecord, order: CommitOrder): RecordStep {
  const now = record.components[order.component];
  if (now.trial === null || now.trial.attemptId !== order.attemptId) {
    if (now.committedAttemptId === order.attemptId) return { kind: 'unchanged' };
    return rejected('boot-trial-stale', `attempt ${order.attemptId} is not on trial`);
  }
  if (now.trial.slot.digest !== order.runningDigest || !hasBegun(now.trial)) {
    return rejected('boot-trial-stale', `${now.trial.slot.dir} is on trial but does not run`);
  }
  return changed(record, order.component, {
    ...now,
    committed: now.trial.slot,
    previous: now.committed,
    committedAttemptId: now.trial.attemptId,
    trial: null,
  });
}

export interface RefuseOrder {
  readonly component: Component;
  readonly attemptId: string;
  readonly evidence: Evidence;
}

/** B8: the trial ends; digest, attempt and evidence are remembered, the oldest refusal is forgotten beyond the limit. */
export function refuseTrial(record: BootRecord, order: RefuseOrder): RecordStep {
  const now = record.components[order.component];
  if (now.trial === null || now.trial.attemptId !== order.attemptId) {
    if (now.refused.some((refusal) => refusal.attemptId === order.attemptId))
      return { kind: 'unchanged' };
    return rejected('boot-trial-stale', `attempt ${order.attemptId} is not on trial`);
  }
  const { version, digest } = now.trial.slot;
  const kept = now.refused.filter((refusal) => refusal.digest !== digest);
  const refused = [
    ...kept,
    { version, digest, attemptId: order.attemptId, evidence: order.evidence },
  ];
  return changed(record, order.component, {
    ...now,
    trial: null,
    refused: refused.slice(-REFUSALS_MAX),
  });
}

export interface RollBackOrder {
  readonly component: Component;
  readonly attemptId: string;
  readonly evidence: Evidence;
}

/**
 * B21: back from what is committed to the version before, by the word of the host's owner. What is left stays on the disk as
 * the version before, and is refused, so that it comes back by force only.
 */
export function rollBack(record: BootRecord, order: RollBackOrder): RecordStep {
  const { component, attemptId, evidence } = order;
  const now = record.components[component];
  const { committed, previous, refused } = now;
  const isRefused = (slot: Slot, by?: string) =>
    refused.some((one) => one.digest === slot.digest && (by === undefined || one.attemptId === by));
  if (previous !== null && isRefused(previous, attemptId)) return { kind: 'unchanged' };
  for (const { trial } of Object.values(record.components)) {
    if (trial === null) continue;
    return rejected('boot-trial-running', `${trial.slot.dir} is on trial on this host`);
  }
  if (committed === null || previous === null) {
    return rejected('no-version-before', `no version of the ${component} was committed before`);
  }
  // Going back twice must not come forward again.
  if (isRefused(previous)) return rejected('boot-slot-refused', `${previous.dir} was refused here`);
  const { version, digest } = committed;
  const others = refused.filter((one) => one.digest !== digest);
  return changed(record, component, {
    ...now,
    committed: previous,
    previous: committed,
    committedAttemptId: null,
    refused: [...others, { version, digest, attemptId, evidence }].slice(-REFUSALS_MAX),
  });
}

/** What the owner of the host has left by hand, and what has not come back since; null: nothing. */
export function leftByOwner({
  previous,
  refused,
}: Pick<ComponentRecord, 'previous' | 'refused'>): Refusal | null {
  const refusal = refused.find(({ digest }) => digest === previous?.digest);
  return refusal?.evidence.reason === 'rolled-back-by-owner' ? refusal : null;
}

export function hasBegun(trial: Trial): boolean {
  return trial.tries > 0 || trial.rebootTries > 0;
}

function changed(record: BootRecord, component: Component, next: ComponentRecord): RecordStep {
  return { kind: 'changed', record: replaced(record, component, next) };
}

function replaced(record: BootRecord, component: Component, next: ComponentRecord): BootRecord {
  return {
    ...record,
    revision: record.revision + 1,
    components: { ...record.components, [component]: next },
  };
}

function rejected(code: ErrorCode, message: string): RecordStep {
  return { kind: 'rejected', code, message };
}
