/*
 * The pre-upgrade test: everything that can be known before anything is changed. All checks run, so that whoever
 * mends the host mends it once; the first failing one gives the code.
 */

import { CodedError } from '@moult/core/errors';
import { type Check, isDemanded, outcomeOf, preflightChecks } from '@moult/core/preflight';
import type { BootView } from '@moult/core/upgrade';
import { attemptIdOf, type Course, type UpgradeEvent } from '@moult/core/upgrade';
import { isVersion } from '@moult/core/versions';
import type { Clock } from '@moult/runtime/clock';
import type { Logger } from '@moult/runtime/logger';
import type { DiskFacts, Slots, Trust, TrustedRelease } from '../ports.ts';
import { fallbackOf } from './fallback.ts';

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
  readonly log: Logger;
  readonly clockAheadMs: number | null;
  readonly signal: AbortSignal;
}

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
  if (await isCurrent(options, release)) {
    return { kind: 'found-current', attemptId, nowMs: clock.nowMs() };
  }
  const refused = refusedHere(options, release);
  if (refused !== null) throw new CodedError('refused-here', refused);
  const checks = (await checksOf(options, release)).filter(
    (check) => !options.isPreflightOff || isDemanded(check),
  );
  for (const { name, detail } of checks.filter(({ outcome }) => outcome === 'warn')) {
    options.log.warn('preflight warns', { check: name, detail });
  }
  const failing = checks.filter(({ outcome }) => outcome === 'fail');
  const code = failing[0]?.code ?? null;
  if (code !== null) {
    throw new CodedError(code, failing.map(({ name, detail }) => `${name}: ${detail}`).join('; '));
  }
  return { kind: 'preflight-passed', attemptId, nowMs: clock.nowMs() };
}

/** U21: a committed slot that was changed is staged anew, whether the version before runs instead or it runs still. */
async function isCurrent(options: PreflightOptions, release: TrustedRelease): Promise<boolean> {
  const { course, view, slots, signal, runningDigest } = options;
  const { component } = course.order;
  const { committed } = view[component];
  if (committed?.digest !== release.digest) return false;
  if (component !== 'agent') return true;
  if (runningDigest !== release.digest) return false;
  return (await slots.changesOf(component, committed, { signal, isQuick: false })).count === 0;
}

/** Facts for the checks that need no particular release, or one. */
export async function checksOf(
  options: Pick<
    PreflightOptions,
    'view' | 'launcherVersion' | 'slots' | 'trust' | 'disk' | 'clockAheadMs' | 'signal'
  >,
  release: TrustedRelease | null,
): Promise<readonly Check[]> {
  const { disk, slots, signal } = options;
  const component = release?.manifest.component ?? 'agent';
  const fallback = await lookAtFallback(options, {
    component,
    orderedDigest: release?.digest ?? null,
  });
  const checks = preflightChecks({
    release: release === null ? null : await wantedOf(options, release),
    launcherVersion: options.launcherVersion,
    directoryTrouble: await disk.slotsTrouble(),
    free: await disk.freeForSlots(),
    fallback: fallback.kind === 'found' ? fallback.found : null,
    clockAheadMs: options.clockAheadMs,
    blobs: release === null ? null : await slots.lacking(release, signal),
  });
  return fallback.kind === 'unknown' ? [...checks, fallback.check] : checks;
}

/** Whether it can be made whole is for the metadata of releases to say: where that cannot be had, all else is told still. */
async function lookAtFallback(
  options: Parameters<typeof fallbackOf>[0],
  of: Parameters<typeof fallbackOf>[1],
) {
  try {
    return { kind: 'found', found: await fallbackOf(options, of) } as const;
  } catch (error) {
    if (!(error instanceof CodedError) || options.signal.aborted) throw error;
    return { kind: 'unknown', check: outcomeOf('fallback', error.code, error.message) } as const;
  }
}

async function wantedOf(
  { slots, signal }: Pick<PreflightOptions, 'slots' | 'signal'>,
  release: TrustedRelease,
) {
  const { version, minimumLauncher } = release.manifest;
  return { version, minimumLauncher, ...(await slots.plan(release, signal)) };
}

/** What was refused here is not tried again unless somebody forces it (H8). */
function refusedHere(options: PreflightOptions, release: TrustedRelease): string | null {
  const { component, version, isForced } = options.course.order;
  const refusal = options.view[component].refused.find((one) => one.digest === release.digest);
  if (refusal === undefined || isForced) return null;
  return `this host has refused ${component} ${version}: ${refusal.evidence.reason}: ${refusal.evidence.detail}`;
}
