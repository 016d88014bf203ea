import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dealt, dealtByGroup } from '../../src/rollout/index.ts';

const fleets = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 40 })
  .map((groups) => groups.map((group, index) => ({ group, name: `n${index}` })));
const into = fc.integer({ min: 2, max: 6 });

const spread = (counts: readonly number[]) => Math.max(...counts) - Math.min(...counts);

describe('R7: a split', () => {
  test('gives everybody to one part, in their order', () => {
    fc.assert(
      fc.property(fleets, into, (members, parts) => {
        for (const split of [dealt(members, parts), dealtByGroup(members, parts)]) {
          expect(split).toHaveLength(parts);
          expect(new Set(split.flat())).toEqual(new Set(members));
          expect(split.flat()).toHaveLength(members.length);
          for (const part of split) {
            const places = part.map((member) => members.indexOf(member));
            expect(places).toEqual([...places].sort((a, b) => a - b));
          }
        }
      }),
    );
  });

  test('gives each part its share of each group, and of all', () => {
    fc.assert(
      fc.property(fleets, into, (members, parts) => {
        const split = dealt(members, parts);
        expect(spread(split.map((part) => part.length))).toBeLessThanOrEqual(1);
        for (const group of ['a', 'b', 'c', 'd']) {
          const shares = split.map((part) => part.filter((one) => one.group === group).length);
          expect(spread(shares)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('by group leaves every group whole', () => {
    fc.assert(
      fc.property(fleets, into, (members, parts) => {
        const split = dealtByGroup(members, parts);
        for (const group of ['a', 'b', 'c', 'd']) {
          const with_ = split.filter((part) => part.some((one) => one.group === group));
          expect(with_.length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
