/** Why a version was refused here, with what is left of it. Kept in the boot record and sent to the coordinator. */
export type RefusalReason =
  | 'crashed'
  | 'hung'
  | 'not-started'
  | 'own-checks-failed'
  | 'cannot-reach-coordinator'
  | 'cannot-upgrade-again'
  | 'rejected-by-coordinator'
  | 'reboots-exhausted'
  /** It worked well enough to be committed, or was on trial; the owner of the host went back all the same. */
  | 'rolled-back-by-owner';

export interface HealthSample {
  /** Time since the version was started, in ms. */
  readonly afterMs: number;
  readonly reached: boolean;
  readonly healthy: boolean;
}

export interface Evidence {
  readonly reason: RefusalReason;
  /** One sentence for people: what was seen. */
  readonly detail: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The last lines that it printed, at most 200 of at most 500 characters. */
  readonly logLines: readonly string[];
  /** The last samples, at most 50. */
  readonly samples: readonly HealthSample[];
}

export const EVIDENCE_LIMITS = { logLinesMax: 200, logLineLengthMax: 500, samplesMax: 50 } as const;
