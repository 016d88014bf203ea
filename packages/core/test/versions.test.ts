import { expect, test } from 'vitest';
import { isMajorChange, isVersion, newestFirst } from '../src/versions.ts';

test('only canonical SemVer is a version', () => {
  expect(['1.0.0', '2.10.3-rc.1'].map(isVersion)).toEqual([true, true]);
  expect(
    ['v1.0.0', '1.0', '1.0.0+build', '01.0.0', '', 'latest', `1.0.0-${'x'.repeat(80)}`].map(
      isVersion,
    ),
  ).toEqual([false, false, false, false, false, false, false]);
});

test('newest first puts a pre-release behind its release', () => {
  expect(newestFirst(['1.0.0-rc.1', '1.10.0', '1.0.0', '1.9.0'])).toEqual([
    '1.10.0',
    '1.9.0',
    '1.0.0',
    '1.0.0-rc.1',
  ]);
});

test('a major change is seen in both directions', () => {
  expect(isMajorChange({ from: '1.9.9', to: '2.0.0' })).toBe(true);
  expect(isMajorChange({ from: '2.0.0', to: '1.9.9' })).toBe(true);
  expect(isMajorChange({ from: '1.0.0', to: '1.1.0' })).toBe(false);
});
