import { expect } from 'vitest';
import type { Ran } from '../../scripts/fleet/program.ts';

/** What happened, what to do next, the stable code; never a stack trace, and nothing on standard output. */
export function expectClearFailure(
  ran: Ran,
  expected: { readonly code: string; readonly exitCode: number; readonly says?: RegExp },
): void {
  expect(ran.stderr).toMatch(new RegExp(`^code: ${expected.code}$`, 'm'));
  expect(ran.stderr).toMatch(/^error: .{10}/m);
  expect(ran.stderr).toMatch(/^next: .{10}/m);
  if (expected.says !== undefined) expect(ran.stderr).toMatch(expected.says);
  expectNoStackTrace(ran.stderr);
  expect(ran.stdout).toBe('');
  expect(ran.code).toBe(expected.exitCode);
}

export function expectNoStackTrace(text: string): void {
  expect(text).not.toMatch(/^\s+at .+[:(]\d+/m);
  expect(text).not.toMatch(/"stack":|node:internal/);
}
