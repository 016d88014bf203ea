import { SETTINGS } from '@moult/core/diagnosis';
import { expect, test } from 'vitest';
import { COORDINATOR_KEYS } from '../src/config.ts';

test('DG1: of each key of coordinator.yaml it is decided whether a diagnosis shows it', () => {
  expect(Object.keys(SETTINGS.coordinator).toSorted()).toEqual(
    Object.keys(COORDINATOR_KEYS).toSorted(),
  );
});
