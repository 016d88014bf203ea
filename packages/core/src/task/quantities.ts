const MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

/** `90s`, `10m`, `2h`, `1d` in ms; null: none of these. */
export function durationMsOf(text: string): number | null {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  return count === undefined || unit === undefined ? null : Number(count) * (MS[unit] ?? 0);
}

/** `500`, `64KiB`, `16 MiB` in bytes; null: none of these. */
export function byteCountOf(text: string): number | null {
  const [, count, unit] = /^(\d{1,15}) ?(B|KiB|MiB|GiB)?$/.exec(text) ?? [];
  return count === undefined ? null : Number(count) * (BYTES[unit ?? ''] ?? 0);
}
