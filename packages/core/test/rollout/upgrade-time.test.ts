import { expect, test } from 'vitest';
import { ASSUMED_UPGRADE_MS, upgradeTimeOf } from '../../src/rollout/index.ts';

test('N6: an upgrade takes the median of what was measured, and where nothing was, what is assumed', () => {
  expect(upgradeTimeOf([])).toEqual({ ms: ASSUMED_UPGRADE_MS, measured: 0 });
  expect(upgradeTimeOf([5])).toEqual({ ms: 5, measured: 1 });
  expect(upgradeTimeOf([9, 1, 1_000_000])).toEqual({ ms: 9, measured: 3 });
  expect(upgradeTimeOf([4, 1, 2, 9])).toEqual({ ms: 3, measured: 4 });
  // A clock that was put back in between.
  expect(upgradeTimeOf([-5, 0])).toEqual({ ms: 1, measured: 1 });
});
