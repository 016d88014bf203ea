import type { DoctorCheck } from '@moult/core/doctor';
import { CATALOGUE } from '@moult/core/errors';
import { expect, test } from 'vitest';
import { checkLines, summaryOf } from '../src/terminal/check-text.ts';
import type { Screen } from '../src/terminal/screen.ts';

const screen = (isOutTerminal: boolean, columns = 80) => ({ isOutTerminal, columns }) as Screen;
const CHECKS: readonly DoctorCheck[] = [
  { name: 'disk', outcome: 'pass', detail: '84 MiB are free', code: null },
  { name: 'clock', outcome: 'warn', detail: '60 s ahead', code: 'clock-off' },
  { name: 'fleet', outcome: 'fail', detail: 'not looked at', code: 'database-corrupt' },
  { name: 'database', outcome: 'fail', detail: 'row 3 is missing', code: 'database-corrupt' },
];

test('what fails comes first, what is well last, and a remedy once for all that share it', () => {
  expect(checkLines(CHECKS, screen(false))).toEqual([
    'fail  fleet           not looked at',
    'fail  database        row 3 is missing',
    `                      next: ${CATALOGUE['database-corrupt'].remedy}`,
    'warn  clock           60 s ahead',
    `                      next: ${CATALOGUE['clock-off'].remedy}`,
    'pass  disk            84 MiB are free',
  ]);
  expect(summaryOf(CHECKS)).toBe('2 of 4 checks fail, 1 warns.');
  expect(summaryOf(CHECKS.slice(0, 2))).toBe('No check fails, 1 of 2 warns.');
  expect(summaryOf(CHECKS.slice(0, 1))).toBe('The check passes.');
  expect(summaryOf([...CHECKS.slice(0, 1), ...CHECKS.slice(0, 1)])).toBe('All 2 checks pass.');
});

test('on a terminal a line ends at its edge, with nothing lost', () => {
  const lines = checkLines(CHECKS, screen(true, 60));
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  const words = (of: readonly string[]) => of.join(' ').split(/\s+/);
  expect(words(lines)).toEqual(words(checkLines(CHECKS, screen(false))));
});

test('the remedy is that of the innermost cause', () => {
  const detail = 'trust-expired: past its date';
  const check = {
    name: 'release',
    outcome: 'fail',
    detail,
    code: 'packages-not-refreshed',
  } as const;
  expect(checkLines([check], screen(false))[1]).toContain(CATALOGUE['trust-expired'].remedy);
});
