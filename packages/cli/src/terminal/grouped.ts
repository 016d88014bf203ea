export type Some<Row> = readonly [Row, ...(readonly Row[])];

/** Rows with the same key together, in the order in which the keys came. */
export function groupedBy<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): readonly Some<Row>[] {
  const groups = new Map<string, [Row, ...Row[]]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups.values()];
}

/** The most frequent key first. */
export function byFrequency<Row>(
  rows: readonly Row[],
  keyOf: (row: Row) => string,
): readonly Some<Row>[] {
  return [...groupedBy(rows, keyOf)].sort((a, b) => b.length - a.length);
}
