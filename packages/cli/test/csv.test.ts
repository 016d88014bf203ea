import { describe, expect, it } from 'vitest';
import { csvLines } from '../src/terminal/csv.ts';

const linesOf = (...cells: readonly string[]) =>
  csvLines([{ title: 'message', cell: (row: string) => row }], cells);

describe('rows for spreadsheets', () => {
  it('begin with the titles, and are empty but for them where there is nothing', () => {
    const columns = [
      { title: 'agent', cell: ([agent]: readonly string[]) => agent ?? '' },
      { title: 'code', cell: ([, code]: readonly string[]) => code ?? '' },
    ];
    expect(
      csvLines(columns, [
        ['web-1', ''],
        ['web-2', 'crashed'],
      ]),
    ).toEqual(['agent,code', 'web-1,', 'web-2,crashed']);
    expect(linesOf()).toEqual(['message']);
  });

  it('are quoted where a cell has what separates cells', () => {
    expect(linesOf('a, b', 'it said "no"', 'two\nlines').slice(1)).toEqual([
      '"a, b"',
      '"it said ""no"""',
      '"two\nlines"',
    ]);
  });

  it('hold no formula that a host has written (T19)', () => {
    expect(linesOf('=1+1', '+1', '-1', '@x', 'a=1').slice(1)).toEqual([
      "'=1+1",
      "'+1",
      "'-1",
      "'@x",
      'a=1',
    ]);
  });
});
