/* Figures and dates as the checks say them: short, the same on every machine. */
const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export function sizeText(bytes: number): string {
  if (bytes < MIB) return `${Math.round(bytes / KIB)} KiB`;
  return bytes < 10 * GIB ? `${Math.round(bytes / MIB)} MiB` : `${Math.round(bytes / GIB)} GiB`;
}

/** The largest unit of which there are two: `36 h`, `3 d`. */
export function spanText(ms: number): string {
  if (ms < 2 * MINUTE_MS) return `${Math.max(0, Math.round(ms / 1_000))} s`;
  if (ms < 2 * HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`;
  return `${Math.floor(ms / DAY_MS)} d`;
}

export function dayText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
