import { describe, expect, it } from 'vitest';
import { formatAgo, formatBytes, formatDuration, formatTime } from '../src/terminal/format.ts';
import { fieldLines, tableLines } from '../src/terminal/table.ts';

describe('a table', () => {
  it('makes each column as wide as its widest cell, and leaves no blanks at the end', () => {
    const lines = tableLines(
      [
        { title: 'AGENT', cell: (row: { name: string; count: number }) => row.name },
        { title: 'N', cell: (row) => String(row.count), align: 'right' },
        { title: 'X', cell: () => '' },
      ],
      [
        { name: 'web-1', count: 7 },
        { name: 'database-1', count: 100 },
      ],
    );
    expect(lines).toEqual(['AGENT         N  X', 'web-1         7', 'database-1  100']);
  });

  it('lets no cell move the cursor', () => {
    const [, line] = tableLines([{ title: 'A', cell: (row: string) => row }], ['a\u001b[1A\nb']);
    expect(line).toBe('a b');
  });

  it('puts the values of fields below each other', () => {
    expect(
      fieldLines([
        ['a', '1'],
        ['long', '2'],
      ]),
    ).toEqual(['a:     1', 'long:  2']);
  });
});

describe('numbers for people', () => {
  it.each([
    [0, '0 B'],
    [1_023, '1023 B'],
    [1_536, '1.5 KiB'],
    [126_600_000, '121 MiB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [310.4, '310 ms'],
    [6_240, '6.2 s'],
    [61_000, '1 min 1 s'],
    [3_660_000, '1 h 1 min'],
    [864_000_000, '10 d'],
  ])('%d ms are %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('are the same on every machine', () => {
    expect(formatTime(1_700_000_000_123)).toBe('2023-11-14 22:13:20');
    expect(formatAgo({ atMs: null, nowMs: 0 })).toBe('never');
    expect(formatAgo({ atMs: 5_000, nowMs: 4_000 })).toBe('0 ms ago');
  });
});
