import { expect, test } from 'vitest';
import { type BeforeStart, startHoldOf } from '../../src/rollout/index.ts';

const FREE: BeforeStart = {
  needsSecondPrincipal: false,
  isApproved: false,
  startsMs: null,
  isSiblingOver: null,
};
const held = (some: Partial<BeforeStart>) => startHoldOf({ ...FREE, ...some });

test('what keeps a rollout from its start is told, an approval first', () => {
  expect(held({})).toBeNull();
  expect(held({ isSiblingOver: true })).toBeNull();
  expect(held({ startsMs: 5 })).toEqual({ reason: 'awaiting-time', untilMs: 5 });
  expect(held({ startsMs: 5, isSiblingOver: false })).toMatchObject({ reason: 'awaiting-sibling' });
  const asked = { needsSecondPrincipal: true, startsMs: 5, isSiblingOver: false };
  expect(held(asked)).toEqual({ reason: 'awaiting-approval', untilMs: null });
  expect(held({ ...asked, isApproved: true })).toMatchObject({ reason: 'awaiting-sibling' });
});
