/*
 * H16: files of an installed version that are not as its manifest says. Whoever changed them had a reason, so they are named while
 * they lie there, kept aside before they are replaced or removed, and never put back by themselves. A disk that rots looks the same.
 */
import type { Component } from './component.ts';
import type { Version } from './versions.ts';

/** *Mode*: its content is right; who may write or execute it is not. */
export const CHANGE_KINDS = ['changed', 'added', 'removed', 'mode'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

export interface ChangedFile {
  /** Below the slot. */
  readonly path: string;
  readonly how: ChangeKind;
  /** Of what lies there now; null: nothing does, or no regular file. */
  readonly sha256: string | null;
  readonly bytes: number;
  /** Wall clock of the host; 0: nothing lies there. */
  readonly modifiedMs: number;
}

export interface SlotChanges {
  /** In the order of their paths, CHANGED_FILES_MAX at most. */
  readonly files: readonly ChangedFile[];
  /** All of them, as far as they were looked for. */
  readonly count: number;
}

export const NO_CHANGES: SlotChanges = { files: [], count: 0 };

/** More than people change by hand. What else lies in a slot (a tree that somebody unpacked there) is counted, not looked at. */
export const CHANGED_FILES_MAX = 200;
/** Of those each that is reported to the coordinator; people read no more. */
export const CHANGED_REPORTED_MAX = 20;
const CHANGED_NAMED_MAX = 3;

/** What was kept aside of one slot, at one time. */
export interface Keeping {
  /** Absolute path of its directory. */
  readonly dir: string;
  readonly component: Component;
  readonly version: Version;
  readonly keptMs: number;
  readonly changes: SlotChanges;
}

/** All of it together; more is a use of the slots that nobody has thought of, and somebody has to look. */
export const KEPT_LIMITS = { keepings: 100, bytes: 1_073_741_824 } as const;
export const KEEPINGS_REPORTED_MAX = 10;

/** `lib/agent.cjs (changed), notes.txt (added) and 3 more`. */
export function changesText({ files, count }: SlotChanges): string {
  const named = files.slice(0, CHANGED_NAMED_MAX).map(({ path, how }) => `${path} (${how})`);
  const more = count - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/**
 * What an upgrade does about the version that a failed trial falls back to. *Whole*: nothing that its manifest names is other than it
 * says; what was added goes aside with the slot. *Stage anew*: it is made whole before anything else, so that what somebody changed
 * holds no upgrade up. *Unsound*: it cannot be, and nothing good is left to fall back to.
 */
export type FallbackCare = 'sound' | 'whole' | 'stage-anew' | 'unsound';

export function fallbackCare(of: {
  readonly changes: SlotChanges;
  /** The release keys vouch for it still, so that it can be fetched. */
  readonly canStageAnew: boolean;
}): FallbackCare {
  const { files, count } = of.changes;
  if (count === 0) return 'sound';
  // Those that were not looked at may be any.
  if (count === files.length && files.every(({ how }) => how === 'added')) return 'whole';
  return of.canStageAnew ? 'stage-anew' : 'unsound';
}

/** Name of the directory for what is kept of a slot now, `1.0.0-1a2b3c4d-20261127T031500Z`; a second one in a second gets a number. */
export function keepingName(of: {
  readonly slotName: string;
  readonly nowMs: number;
  readonly number: number;
}): string {
  const time = new Date(of.nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `${of.slotName}-${time}${of.number === 1 ? '' : `-${of.number}`}`;
}
