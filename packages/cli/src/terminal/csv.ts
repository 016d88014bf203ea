/* Rows for spreadsheets and scripts (RFC 4180), their lines ended by whoever prints them. */
import type { Column } from './table.ts';

export function csvLines<Row>(
  columns: readonly Pick<Column<Row>, 'title' | 'cell'>[],
  rows: readonly Row[],
): readonly string[] {
  return [
    columns.map(({ title }) => cellOf(title)).join(','),
    ...rows.map((row) => columns.map(({ cell }) => cellOf(cell(row))).join(',')),
  ];
}

function cellOf(text: string): string {
  // T19: what a host said may begin as formulas do, which spreadsheets carry out.
  const harmless = /^[=+\-@]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
