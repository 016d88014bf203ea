import { expect, test } from 'vitest';
import { afterRehearsal } from '../../src/upgrade/index.ts';

test.each([
  ['passed', false, false, 'passed'],
  ['passed', true, true, 'passed'],
  ['failed', false, false, 'refused'],
  ['failed', true, false, 'refused'],
  ['not-reached', false, false, 'later'],
  ['not-reached', false, true, 'later'],
  ['not-reached', true, false, 'again'],
  ['not-reached', true, true, 'refused'],
] as const)(
  'PF4: %s, a session beside it %s, for the second time %s: %s',
  (outcome, hadSession, isSecond, expected) => {
    expect(afterRehearsal({ outcome, hadSession, isSecond })).toBe(expected);
  },
);
