/*
 * Whether this process is well. Outside a trial nobody decides anything by it and the own checks are not run; on
 * trial it is unwell until they have passed.
 */
import { CANNOT_UPGRADE_AGAIN } from '@moult/core/boot';
import type { Component } from '@moult/core/component';
import { codedErrorFrom } from '@moult/core/errors';
import type { DiskFacts, Trust } from '../ports.ts';
import { Bell } from '../waiting.ts';

export interface HealthChecks {
  readonly trust: Trust;
  readonly disk: DiskFacts;
  /** Throws when the state cannot be written. */
  readonly writeState: () => void;
}

/** What is on trial: an agent looks for itself in the metadata, and for the launcher on that one's trial (U12, B14). */
export interface Subject {
  readonly component: Component;
  readonly version: string;
  readonly digest: string;
}

/** A world that is slow to give metadata holds up the first check: to be told apart by the probes, as one that fails (B13). */
const NOT_CHECKED_YET = `${CANNOT_UPGRADE_AGAIN}: nothing was checked yet`;

export class Health {
  #trouble: string | null;
  #healthyForMs: number | null = null;
  #again = new AbortController();
  readonly #checked = new Bell();

  constructor(isOnTrial: boolean) {
    this.#trouble = isOnTrial ? NOT_CHECKED_YET : null;
  }

  get trouble(): string | null {
    return this.#trouble;
  }

  /** U12: without a break, so far; 0 while something is wrong. */
  get healthyForMs(): number {
    return this.#healthyForMs ?? 0;
  }

  /** Before a check and the pause behind it: both end when `checkAgain` is asked meanwhile. */
  begin(): AbortSignal {
    if (this.#again.signal.aborted) this.#again = new AbortController();
    return this.#again.signal;
  }

  /**
   * `pausedMs`: the pause that was meant to lie between this check and the one before. B18: a machine that slept in it
   * saw nothing meanwhile, so what a clock says does not count.
   */
  record(trouble: string | null, pausedMs: number): void {
    this.#trouble = trouble;
    if (trouble !== null) this.#healthyForMs = null;
    else this.#healthyForMs = this.#healthyForMs === null ? 0 : this.#healthyForMs + pausedMs;
    this.#checked.ring();
  }

  /** Resolves when a check that was begun from now on was recorded. Rejects with the signal's reason. */
  async checkAgain(signal: AbortSignal): Promise<void> {
    this.#again.abort(new AskedAgain());
    await this.#checked.next(signal);
  }
}

/** Why a check was given up: it would tell of the past. */
class AskedAgain extends Error {
  override readonly name: string = 'AskedAgain';
}

/** Null: all own checks pass. Otherwise what is wrong, in one sentence. */
export async function checkHealth(
  checks: HealthChecks,
  subject: Subject,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    checks.writeState();
  } catch (error) {
    return `the state cannot be written: ${codedErrorFrom(error).message}`;
  }
  const slotsTrouble = await checks.disk.slotsTrouble();
  if (slotsTrouble !== null) return slotsTrouble;
  return upgradeTrouble(checks.trust, subject, signal);
}

/** Still able to upgrade: with its own code it refreshes the metadata and finds there what is on trial (H11, T27). */
async function upgradeTrouble(
  trust: Trust,
  subject: Subject,
  signal: AbortSignal,
): Promise<string | null> {
  const { component, version, digest } = subject;
  try {
    // One question, which refreshes: with two of them a check would take twice the time of a probe (B11).
    const release = await trust.release({ component, version }, signal);
    if (release.digest === digest) return null;
    return `${CANNOT_UPGRADE_AGAIN}: the release ${version} of the ${component} has another digest than what is on trial`;
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = codedErrorFrom(error);
    return `${CANNOT_UPGRADE_AGAIN}: ${code}: ${message}`;
  }
}
