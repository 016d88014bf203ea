import { printable } from './printable.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'left' | 'right';
}

const GAP = '  ';

/** Lines of a table, each column as wide as its widest cell; every cell is made printable. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): readonly string[] {
  const lines = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map((column) => printable(column.cell(row)))),
  ];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((line) => widthOf(line[index] ?? ''))),
  );
  return lines.map((line) =>
    line
      .map((cell, index) => padded(cell, widths[index] ?? 0, columns[index]?.align ?? 'left'))
      .join(GAP)
      .trimEnd(),
  );
}

/** `name: value` lines with their values below each other. */
export function fieldLines(fields: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) =>
    `${`${name}:`.padEnd(width + 1)}${GAP}${printable(value)}`.trimEnd(),
  );
}

function padded(cell: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(cell)));
  return align === 'left' ? cell + blanks : blanks + cell;
}

function widthOf(text: string): number {
  return [...text].length;
}
