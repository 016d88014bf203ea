import { expect, test } from 'vitest';
import { CATALOGUE, CodedError, codedErrorFrom, HTTP_STATUS } from '../src/errors/index.ts';

test('every code is kebab-case, has a known status and says what to do next in a sentence', () => {
  for (const [code, entry] of Object.entries(CATALOGUE)) {
    expect(code).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
    expect(HTTP_STATUS).toHaveProperty(entry.status);
    expect(entry.remedy, code).toMatch(/^[A-Z].{8,}[.`]$/s);
  }
});

test('anything caught becomes a coded error, and a coded one stays itself', () => {
  const known = new CodedError('not-found', 'no agent web-1');
  expect(codedErrorFrom(known)).toBe(known);
  const wrapped = codedErrorFrom(new TypeError('x is not a function'));
  expect([wrapped.code, wrapped.status, wrapped.retryable]).toEqual([
    'internal',
    'internal',
    false,
  ]);
});
