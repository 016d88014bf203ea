/*
 * The boot record (<state>/boot.json): the only truth about what boots. Written by the launcher alone,
 * the first launcher included. Frozen contract: later launchers read every record ever written, unknown fields
 * are kept, nothing is renamed. The format number rises only if an old launcher must not act on a record at all.
 */
import type { Component } from '../component.ts';
import type { Version } from '../versions.ts';
import type { Evidence } from './evidence.ts';

/** A complete, verified tree in `<prefix>/versions/<component>/<dir>/`; `dir` is `slotDirOf(version, digest)`. */
export interface Slot {
  readonly version: Version;
  /** sha256 of the manifest, 64 hex digits. */
  readonly digest: string;
  readonly dir: string;
}

export interface Trial {
  readonly slot: Slot;
  /** `<command id>/<attempt number>`: which order this trial belongs to. */
  readonly attemptId: string;
  /** Boots begun so far. An ordered stop gives its try back. */
  readonly tries: number;
  /** Tries ended by a changed boot id: the host went down, not the version. They have a limit of their own. */
  readonly rebootTries: number;
  /** Kernel boot id of the last try; null before the first. */
  readonly bootId: string | null;
  /** Watched time left, in ms: counted down by the launcher while it watches, so clocks and sleep do not end it. */
  readonly watchedLeftMs: number;
}

export interface Refusal {
  readonly version: Version;
  readonly digest: string;
  readonly attemptId: string;
  readonly evidence: Evidence;
}

export interface ComponentRecord {
  /** Null: for the launcher, the first launcher itself; for the agent, nothing is installed yet. */
  readonly committed: Slot | null;
  readonly previous: Slot | null;
  /** Which attempt committed it, so that a repeated `commit` is answered `done`; null: installed, or recovered. */
  readonly committedAttemptId: string | null;
  readonly trial: Trial | null;
  /** Newest last; at most `REFUSALS_MAX`. */
  readonly refused: readonly Refusal[];
}

export interface BootRecord {
  readonly format: 1;
  /** Raised by one with each write. */
  readonly revision: number;
  readonly components: Readonly<Record<Component, ComponentRecord>>;
}

/** Enough to name every version that a host is likely to refuse in a year; each entry is at most some 64 KiB of evidence. */
export const REFUSALS_MAX = 8;

export const TRIES_MAX = 3;
export const REBOOT_TRIES_MAX = 10;

/** `2.1.0-1a2b3c4d`: the digest's first eight digits tell two builds of one version apart. */
export function slotDirOf(version: Version, digest: string): string {
  return `${version}-${digest.slice(0, 8)}`;
}
