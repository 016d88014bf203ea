import { expect, test } from 'vitest';
import { afterRehearsal, wordsOfFailure } from '../../src/upgrade/index.ts';

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

test('of a crash the message is the line that names the error, the rest is evidence', () => {
  const stack = [
    '/opt/moult/versions/agent/1.8.1-abc/lib/agent.cjs:3',
    "throw new Error('built to crash');",
    '^',
    '',
    'Error: built to crash',
    '    at Object.<anonymous> (/opt/moult/versions/agent/1.8.1-abc/lib/agent.cjs:3:7)',
    '',
    'Node.js v24.21.0',
  ];
  const how = '1.8.1: it ended with exit code 1 by itself';
  expect(wordsOfFailure([how, ...stack].join('\n'))).toEqual({
    message: `${how}: Error: built to crash`,
    logLines: stack,
  });
  // No error is named: the last thing that it said.
  expect(wordsOfFailure(`${how}\nbegins\nno such library`).message).toBe(`${how}: no such library`);
  expect(wordsOfFailure(how)).toEqual({ message: how, logLines: [] });
  expect(wordsOfFailure(`${how}\n    at x`)).toEqual({ message: how, logLines: ['    at x'] });
});
