import { SETTINGS } from '@moult/core/diagnosis';
import { expect, test } from 'vitest';
import { COORDINATOR_KEYS } from '../src/config.ts';

test('DG1: of each key of coordinator.yaml it is decided whether a diagnosis shows it', () => {
  const undecided = Object.keys(COORDINATOR_KEYS).filter(
    (key) => !Object.hasOwn(SETTINGS.coordinator, key),
  );
  expect(undecided).toEqual([]);
});
