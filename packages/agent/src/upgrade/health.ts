/*
 * Whether this process is well. Outside a trial nobody decides anything by it and the own checks are not run; on
 * trial it is unwell until they have passed. `healthyForMs` is what probation counts: continuous, by the monotonic clock (U12).
 */
import { CANNOT_UPGRADE_AGAIN } from '@moult/core/boot';
import { codedErrorFrom } from '@moult/core/errors';
import type { Clock } from '@moult/runtime/clock';
import type { DiskFacts, Trust } from '../ports.ts';

export interface HealthChecks {
  readonly trust: Trust;
  readonly disk: DiskFacts;
  readonly clock: Clock;
  /** The slot that this process runs from. */
  readonly own: { readonly version: string; readonly digest: string };
  /** Throws when the state cannot be written. */
  readonly writeState: () => void;
}

export class Health {
  #trouble: string | null;
  #healthySinceMs: number | null = null;

  constructor(isOnTrial: boolean) {
    this.#trouble = isOnTrial ? 'not checked yet' : null;
  }

  get trouble(): string | null {
    return this.#trouble;
  }

  /** 0 while something is wrong. */
  healthyForMs(clock: Clock): number {
    return this.#healthySinceMs === null ? 0 : clock.monotonicMs() - this.#healthySinceMs;
  }

  record(trouble: string | null, clock: Clock): void {
    this.#trouble = trouble;
    if (trouble !== null) this.#healthySinceMs = null;
    else this.#healthySinceMs ??= clock.monotonicMs();
  }
}

/** Null: all own checks pass. Otherwise what is wrong, in one sentence. */
export async function checkHealth(
  checks: HealthChecks,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    checks.writeState();
  } catch (error) {
    return `the state cannot be written: ${codedErrorFrom(error).message}`;
  }
  const slotsTrouble = await checks.disk.slotsTrouble();
  if (slotsTrouble !== null) return slotsTrouble;
  return upgradeTrouble(checks, signal);
}

/** Still able to upgrade: with its own code it refreshes the metadata and finds itself in it (H11, T27). */
async function upgradeTrouble(checks: HealthChecks, signal: AbortSignal): Promise<string | null> {
  const { own, trust } = checks;
  try {
    await trust.refresh(signal);
    if (own.digest === '') return null;
    const release = await trust.release({ component: 'agent', version: own.version }, signal);
    if (release.digest === own.digest) return null;
    return `${CANNOT_UPGRADE_AGAIN}: the release ${own.version} has another digest than this process`;
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = codedErrorFrom(error);
    return `${CANNOT_UPGRADE_AGAIN}: ${code}: ${message}`;
  }
}
