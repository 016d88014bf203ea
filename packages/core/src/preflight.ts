/*
 * H3: what is looked at before anything of a host is changed, as one list with an outcome for each. What fails holds the
 * upgrade; a warning is for people. Facts come from the host; null: not known here, and then it is not in the list, but where
 * it says otherwise.
 */
import { changesText, type FallbackCare, type SlotChanges } from './changed-files.ts';
import type { ErrorCode } from './errors/index.ts';
import { compareVersions, isVersion, type Version } from './versions.ts';

export type CheckName =
  | 'launcher'
  | 'directory'
  | 'disk'
  | 'fallback'
  | 'clock'
  | 'blobs'
  /** Of `moult agent preflight` alone: an agent that works has shown them. */
  | 'configuration'
  | 'permissions'
  | 'coordinator'
  | 'release';

export interface Check {
  readonly name: CheckName;
  readonly outcome: 'pass' | 'warn' | 'fail';
  /** With figures. */
  readonly detail: string;
  /** Of what fails or warns; its remedy is the catalogue's. */
  readonly code: ErrorCode | null;
}

export interface PreflightFacts {
  /** What is to be installed; null: nothing in particular. */
  readonly release: {
    readonly version: Version;
    readonly minimumLauncher: Version | null;
    readonly bytesToWrite: number;
    readonly filesToWrite: number;
  } | null;
  /** Empty: there is no launcher. */
  readonly launcherVersion: string;
  /** Why versions cannot be written; null: they can. */
  readonly directoryTrouble: string | null;
  readonly free: { readonly bytes: number; readonly inodes: number | null };
  /** The version that a failed trial falls back to, what somebody changed in it, and what is done about it (U22); null: there is none. */
  readonly fallback: {
    readonly version: Version;
    readonly changes: SlotChanges;
    readonly care: FallbackCare;
  } | null;
  /** Of this host ahead of its coordinator, in ms, as the last session has shown; null: there was none. */
  readonly clockAheadMs: number | null;
  /** What of the release is not on this host, and what came of asking for it (PF12); null: nothing in particular is to be installed. */
  readonly blobs: {
    readonly count: number;
    readonly bytes: number;
    readonly from: string;
    /** How many were asked for, the largest first. */
    readonly asked: number;
    readonly trouble: { readonly code: ErrorCode; readonly message: string } | null;
  } | null;
}

/** Beside what is written: the state, logs, and what others write meanwhile. */
const RESERVE_BYTES = 64 * 1024 * 1024;
/** Directories above the files, and what staging makes beside them. */
const RESERVE_INODES = 64;
/** Metadata of releases is good for days at the least, certificates for weeks: a day off is on its way to either end. */
const CLOCK_AHEAD_MS = { warn: 60_000, fail: 86_400_000 } as const;

/** In the order in which they are mended: with a wrong clock no server is believed. */
export function preflightChecks(facts: PreflightFacts): readonly Check[] {
  const checks = [
    launcherCheck(facts),
    directoryCheck(facts),
    diskCheck(facts),
    fallbackCheck(facts),
    clockCheck(facts),
    blobsCheck(facts),
  ];
  return checks.filter((check) => check !== null);
}

/** Looked at also where the owner has switched the test off: these are the release's demands, and no test (PF7). */
export function isDemanded({ name }: Check): boolean {
  return name === 'launcher';
}

function launcherCheck({ release, launcherVersion }: PreflightFacts): Check | null {
  const wanted = release?.minimumLauncher ?? null;
  if (release === null || wanted === null) return null;
  const has = launcherVersion === '' ? 'none' : launcherVersion;
  const isNewEnough = isVersion(launcherVersion) && compareVersions(launcherVersion, wanted) >= 0;
  const detail = `${release.version} wants ${wanted}, this host has ${has}`;
  const code = launcherVersion === '' ? 'launcher-missing' : 'launcher-too-old';
  return outcomeOf('launcher', isNewEnough ? null : code, detail);
}

function directoryCheck({ directoryTrouble }: PreflightFacts): Check {
  const code = directoryTrouble === null ? null : 'slots-unwritable';
  return outcomeOf('directory', code, directoryTrouble ?? 'versions can be written');
}

function diskCheck({ release, free }: PreflightFacts): Check {
  const toWrite = release?.bytesToWrite ?? 0;
  const wantedBytes = 2 * toWrite + RESERVE_BYTES;
  const wantedInodes = 2 * (release?.filesToWrite ?? 0) + RESERVE_INODES;
  const bytes = `${mebibytes(free.bytes)} MiB are free, ${mebibytes(wantedBytes)} MiB are needed (twice the ${mebibytes(toWrite)} MiB to write, and 64)`;
  if (free.bytes < wantedBytes) return outcomeOf('disk', 'disk-reserve', bytes);
  if (free.inodes === null) return outcomeOf('disk', null, bytes);
  const inodes = `${free.inodes} inodes are free, ${wantedInodes} are needed`;
  if (free.inodes < wantedInodes) return outcomeOf('disk', 'disk-reserve', inodes);
  return outcomeOf('disk', null, `${bytes}; ${inodes}`);
}

function fallbackCheck({ fallback }: PreflightFacts): Check | null {
  if (fallback === null) return null;
  const { version, changes, care } = fallback;
  if (care === 'sound') {
    return outcomeOf('fallback', null, `${version}: every byte is as its manifest says`);
  }
  const changed = `${version} was changed by hand: ${changesText(changes)}`;
  if (care === 'unsound') {
    return outcomeOf('fallback', 'fallback-unsound', `${changed}; its release is gone`);
  }
  const then =
    care === 'whole'
      ? 'kept aside before the version goes'
      : 'kept aside, and staged anew before anything else';
  const check = outcomeOf('fallback', 'changed-by-hand', `${changed}: ${then}`);
  return { ...check, outcome: 'warn' };
}

function clockCheck({ clockAheadMs }: PreflightFacts): Check | null {
  if (clockAheadMs === null) return null;
  const offMs = Math.abs(clockAheadMs);
  const seconds = Math.round(offMs / 1_000);
  const detail =
    seconds === 0
      ? 'as the coordinator’s'
      : `${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} the coordinator’s`;
  if (offMs >= CLOCK_AHEAD_MS.fail) return outcomeOf('clock', 'clock-off', detail);
  const check = outcomeOf('clock', null, detail);
  return offMs < CLOCK_AHEAD_MS.warn ? check : { ...check, outcome: 'warn', code: 'clock-off' };
}

function blobsCheck({ blobs }: PreflightFacts): Check | null {
  if (blobs === null) return null;
  const { count, bytes, from, asked, trouble } = blobs;
  if (count === 0) return outcomeOf('blobs', null, 'nothing is missing on this host');
  const missing = `${count} missing on this host, ${sizeText(bytes)}`;
  if (trouble !== null) return outcomeOf('blobs', trouble.code, `${trouble.message}; ${missing}`);
  const which = asked < count ? `, which has the ${asked} largest` : '';
  return outcomeOf('blobs', null, `${missing}: to be had from ${from}${which}`);
}

export function outcomeOf(name: CheckName, code: ErrorCode | null, detail: string): Check {
  return { name, outcome: code === null ? 'pass' : 'fail', detail, code };
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / (1024 * 1024));
}

function sizeText(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${mebibytes(bytes)} MiB`;
}

/** What of the facts costs nothing to look at. */
export interface HostGlimpse
  extends Pick<PreflightFacts, 'directoryTrouble' | 'free' | 'clockAheadMs'> {
  /** Another one whenever something else lies in the drop folder. */
  readonly dropStamp: string;
}

/** Others write and remove all the time: less than this is no sign that somebody has made room. */
const ROOM = { bytes: 16 * 1024 * 1024, inodes: 64 } as const;

/** Whether what failed with this code may pass now. `last`: how it was a look ago. */
export function isRelevantChange(
  code: string,
  { before, last, now }: Readonly<Record<'before' | 'last' | 'now', HostGlimpse>>,
): boolean {
  switch (code) {
    case 'disk-reserve':
      return (
        now.free.bytes >= before.free.bytes + ROOM.bytes ||
        (now.free.inodes ?? 0) >= (before.free.inodes ?? 0) + ROOM.inodes
      );
    case 'slots-unwritable':
      return now.directoryTrouble !== before.directoryTrouble;
    case 'clock-off':
      return Math.abs(now.clockAheadMs ?? Number.POSITIVE_INFINITY) < CLOCK_AHEAD_MS.fail;
    case 'blob-missing':
    case 'fetch-failed':
    case 'fetch-mismatch':
    case 'fetch-refused':
      // Who carries something here is not done while it grows.
      return now.dropStamp !== before.dropStamp && now.dropStamp === last.dropStamp;
    default:
      return false;
  }
}
