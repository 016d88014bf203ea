/* Numbers for people. Programs get them as they are, with -o json. */

const KIB = 1024;
const UNITS = ['B', 'KiB', 'MiB', 'GiB'] as const;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export const ABSENT = '-';

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= KIB && unit < UNITS.length - 1) {
    value /= KIB;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function formatDuration(ms: number): string {
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`;
  if (ms < MINUTE_MS) return `${(ms / SECOND_MS).toFixed(1)} s`;
  if (ms < HOUR_MS)
    return `${Math.floor(ms / MINUTE_MS)} min ${Math.floor((ms % MINUTE_MS) / SECOND_MS)} s`;
  if (ms < 2 * DAY_MS)
    return `${Math.floor(ms / HOUR_MS)} h ${Math.floor((ms % HOUR_MS) / MINUTE_MS)} min`;
  return `${Math.floor(ms / DAY_MS)} d`;
}

/** UTC, to the second; the same on every machine. */
export function formatTime(ms: number | null): string {
  if (ms === null) return ABSENT;
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

export function formatAgo(options: {
  readonly atMs: number | null;
  readonly nowMs: number;
}): string {
  if (options.atMs === null) return 'never';
  return `${formatDuration(Math.max(0, options.nowMs - options.atMs))} ago`;
}

/** The first digits of a digest are enough for people. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 8);
}
