/*
 * The pre-upgrade test: everything that can be known before anything is changed. All checks run, so that whoever
 * mends the host mends it once; the first failing one gives the code.
 */

import { CodedError, type ErrorCode } from '@moult/core/errors';
import type { BootView } from '@moult/core/upgrade';
import { attemptIdOf, type Course, type UpgradeEvent } from '@moult/core/upgrade';
import { compareVersions, isVersion } from '@moult/core/versions';
import type { Clock } from '@moult/runtime/clock';
import type { DiskFacts, Slots, Trust, TrustedRelease } from '../ports.ts';

export interface PreflightOptions {
  readonly course: Course;
  readonly view: BootView;
  readonly launcherVersion: string;
  /** Digest of the agent that runs: not the committed one where that cannot be started. */
  readonly runningDigest: string;
  /** What only tests is left out then; what a release demands of its host is not (H3). */
  readonly isPreflightOff: boolean;
  readonly trust: Trust;
  readonly slots: Slots;
  readonly disk: DiskFacts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Failing {
  readonly code: ErrorCode;
  readonly message: string;
}

const RESERVE_BYTES = 64 * 1024 * 1024;

/** Throws the first failing check's code, with all of them in its message. */
export async function runPreflight(options: PreflightOptions): Promise<UpgradeEvent> {
  const { course, trust, signal, clock } = options;
  const { component, version } = course.order;
  if (!isVersion(version)) {
    throw new CodedError('desired-version-invalid', `${JSON.stringify(version)} is not a version`);
  }
  // Trust first: platform, size and digest are known from what the release keys signed, and from nothing else (N4).
  const release = await trust.release({ component, version }, signal);
  const attemptId = attemptIdOf(course.order);
  const isCommitted = options.view[component].committed?.digest === release.digest;
  // U21: a committed slot that is damaged, so that the version before runs, is staged anew.
  const isDamaged = component === 'agent' && options.runningDigest !== release.digest;
  if (isCommitted && !isDamaged) {
    return { kind: 'found-current', attemptId, nowMs: clock.nowMs() };
  }
  const refused = refusedHere(options, release);
  if (refused !== null) throw new CodedError('refused-here', refused);
  const failing = [
    launcherTrouble(options, release),
    ...(options.isPreflightOff
      ? []
      : [await slotsTrouble(options), await diskTrouble(options, release)]),
  ].filter((found) => found !== null);
  const [first] = failing;
  if (first !== undefined) {
    throw new CodedError(first.code, failing.map((found) => found.message).join('; '));
  }
  return { kind: 'preflight-passed', attemptId, nowMs: clock.nowMs() };
}

/** What was refused here is not tried again unless somebody forces it (H8). */
function refusedHere(options: PreflightOptions, release: TrustedRelease): string | null {
  const { component, version, isForced } = options.course.order;
  const refusal = options.view[component].refused.find((one) => one.digest === release.digest);
  if (refusal === undefined || isForced) return null;
  return `this host has refused ${component} ${version}: ${refusal.evidence.reason}: ${refusal.evidence.detail}`;
}

function launcherTrouble(options: PreflightOptions, release: TrustedRelease): Failing | null {
  const { minimumLauncher } = release.manifest;
  if (minimumLauncher === null) return null;
  const has = options.launcherVersion;
  if (isVersion(has) && compareVersions(has, minimumLauncher) >= 0) return null;
  return {
    code: 'launcher-too-old',
    message: `launcher: ${release.manifest.version} wants ${minimumLauncher}, this host has ${has}`,
  };
}

async function slotsTrouble(options: PreflightOptions): Promise<Failing | null> {
  const trouble = await options.disk.slotsTrouble();
  return trouble === null ? null : { code: 'slots-unwritable', message: `slots: ${trouble}` };
}

async function diskTrouble(
  options: PreflightOptions,
  release: TrustedRelease,
): Promise<Failing | null> {
  const plan = await options.slots.plan(release, options.signal);
  const free = await options.disk.freeForSlots();
  const wantedBytes = 2 * plan.bytesToWrite + RESERVE_BYTES;
  if (free.bytes < wantedBytes) {
    return {
      code: 'disk-reserve',
      message: `disk: ${mebibytes(free.bytes)} MiB are free, ${mebibytes(wantedBytes)} MiB are needed (twice the ${mebibytes(plan.bytesToWrite)} MiB to write, and 64)`,
    };
  }
  // Files, the directories above them, and what staging makes beside them.
  const wantedInodes = 2 * plan.filesToWrite + 64;
  if (free.inodes !== null && free.inodes < wantedInodes) {
    return {
      code: 'disk-reserve',
      message: `inodes: ${free.inodes} are free, ${wantedInodes} are needed`,
    };
  }
  return null;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / (1024 * 1024));
}
