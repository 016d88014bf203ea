import type { Figure } from './figure.ts';

const HEADINGS = ['figure', 'value', 'unit', 'baseline', 'ratio', 'bar', 'holds'] as const;

export function tableOf(figures: readonly Figure[]): string {
  const rows = [HEADINGS, ...figures.map(cellsOf)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cellsOf(figure: Figure): readonly string[] {
  return [
    figure.name,
    short(figure.value),
    figure.unit,
    figure.baseline === null ? '-' : short(figure.baseline),
    figure.ratio === null ? '-' : short(figure.ratio),
    figure.bar ?? '-',
    figure.holds === null ? '-' : figure.holds ? 'yes' : 'NO',
  ];
}

/** Four significant digits say more than the noise of a shared machine allows. */
function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
