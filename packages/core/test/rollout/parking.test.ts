import { expect, test } from 'vitest';
import { ARRIVING_MS, isParkedFor } from '../../src/rollout/index.ts';

test('R10: a member is passed over for what its host is, and waits for what is the rollout’s or its group’s', () => {
  for (const reason of ['agent-down', 'pinned', 'host-locked', 'unvalidated'] as const)
    expect(isParkedFor(reason, ARRIVING_MS), reason).toBe(true);
  for (const reason of ['awaiting-turn', 'rollout-paused', 'coordinator-restored'] as const)
    expect(isParkedFor(reason, ARRIVING_MS), reason).toBe(false);
});

test('RO11: who has not come back to a coordinator that has just begun to listen is not away yet', () => {
  expect(isParkedFor('agent-down', 0)).toBe(false);
  expect(isParkedFor('agent-down', ARRIVING_MS - 1)).toBe(false);
  expect(isParkedFor('pinned', 0)).toBe(true);
});
