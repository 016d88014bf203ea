/** One measured figure. Speed is never a test: a bar that does not hold is printed, and fails only with --strict. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What `value` is compared with, measured in the same run and in the same unit; null: nothing. */
  readonly baseline: number | null;
  /** value ÷ baseline. */
  readonly ratio: number | null;
  /** What must hold, in words: `ratio < 0.02`, `value < 600`; null: only printed. */
  readonly bar: string | null;
  /** Whether the bar holds; null where there is none. */
  readonly holds: boolean | null;
}

type Bar =
  | { readonly of: 'value' | 'ratio'; readonly below: number }
  | { readonly of: 'value' | 'ratio'; readonly above: number };

export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline?: number;
  readonly bar?: Bar;
}

export function figureOf(measurement: Measurement): Figure {
  const baseline = measurement.baseline ?? null;
  const ratio = baseline === null ? null : measurement.value / baseline;
  const bar = measurement.bar ?? null;
  const { name, value, unit } = measurement;
  if (bar === null) return { name, value, unit, baseline, ratio, bar: null, holds: null };
  const measured = bar.of === 'value' ? value : ratio;
  const isBelow = 'below' in bar;
  const words = isBelow ? `${bar.of} < ${bar.below}` : `${bar.of} > ${bar.above}`;
  // What could not be measured does not hold.
  const holds =
    measured !== null &&
    Number.isFinite(measured) &&
    (isBelow ? measured < bar.below : measured > bar.above);
  return { name, value, unit, baseline, ratio, bar: words, holds };
}

/** The value below which `fraction` of the samples lie (nearest rank); NaN of none. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN;
}
