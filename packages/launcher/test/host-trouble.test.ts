import { CodedError } from '@moult/core/errors';
import { expect, test } from 'vitest';
import { isHostTrouble } from '../src/process-spawner.ts';

const failure = (code: string) => Object.assign(new Error(code), { code });

test('B5: what the host lacks for a moment is told apart from what is wrong with a version', () => {
  for (const code of ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'])
    expect(isHostTrouble(failure(code))).toBe(true);
  for (const code of ['ENOENT', 'EACCES', 'ENOEXEC', 'EIO'])
    expect(isHostTrouble(failure(code))).toBe(false);
});

test('B5: also where an error of ours was made of it', () => {
  const error = new CodedError('file-unreadable', 'cannot read it', { cause: failure('EMFILE') });
  expect(isHostTrouble(error)).toBe(true);
  expect(isHostTrouble(new CodedError('file-unreadable', 'cannot read it'))).toBe(false);
});
