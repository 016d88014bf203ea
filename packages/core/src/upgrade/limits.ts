/** Waits between tries of work that the outside world can mend; after the last the attempt fails (defaults.md). */
export const FETCH_RETRY_MS = [60_000, 300_000, 900_000, 3_600_000] as const;

/** A failed preflight is looked at again on the same schedule: disks get emptied, clocks get set. */
export const PREFLIGHT_RETRY_MS = [60_000, 300_000, 900_000, 3_600_000] as const;

/** Handing over is local: a full disk under the boot record. Three tries, then the old version goes on. */
export const HAND_OVER_RETRY_MS = [1_000, 5_000, 15_000] as const;

/** Work that must not be given up (asking, committing, rolling back, reporting) backs off up to this, for ever. */
export const PATIENT_RETRY_MS = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000] as const;

/** No answer to the last permission within this: go back to work (architecture, "Permission"). */
export const PERMISSION_ANSWER_MS = 30_000;

/** How often one step is begun sooner because a session came back: a few outages in a row, not a flapping line. */
export const HURRIES_MAX = 3;
