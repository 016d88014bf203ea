import { readFile } from 'node:fs/promises';
import { CodedError } from '@moult/core/errors';
import { expect, test } from 'vitest';
import { look } from '../src/look.ts';

const { signal } = new AbortController();

test('DR2: a fact, or why it could not be had', async () => {
  expect(await look(() => 7, signal)).toEqual({ isFound: true, value: 7 });
  const refused = await look(() => readFile('/nowhere/at/all'), signal);
  expect(refused).toMatchObject({ isFound: false, code: 'file-unreadable' });
  expect(refused).toHaveProperty('message', expect.stringContaining('/nowhere/at/all'));
  const coded = () => Promise.reject(new CodedError('database-corrupt', 'the database x: y'));
  expect(await look(coded, signal)).toEqual({
    ...{ isFound: false, code: 'database-corrupt', message: 'the database x: y' },
  });
  const defect = () => {
    throw new TypeError('x is not a function');
  };
  expect(await look(defect, signal)).toMatchObject({ isFound: false, code: 'internal' });
});

test('who was told to stop looks no further', async () => {
  const stopped = AbortSignal.abort(new Error('stop'));
  await expect(look(() => Promise.reject(new Error('any')), stopped)).rejects.toThrow('stop');
});
