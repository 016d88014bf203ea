import fc from 'fast-check';
import { expect, test } from 'vitest';
import { differenceOf, differenceText, isSamePlan, planOf } from '../../src/rollout/index.ts';
import { candidate, candidates, SPEC, specs } from './rollouts.ts';

const named = (...names: readonly string[]) => names.map((agentName) => candidate({ agentName }));

test('RO41: the same agents give the same plan, in whatever order they are read', () => {
  fc.assert(
    fc.property(specs, candidates, (spec, all) => {
      const planned = planOf(spec, all).members.map(({ candidate: one }) => one);
      const difference = differenceOf(planned, planOf(spec, [...all].reverse()));
      expect(isSamePlan(difference)).toBe(true);
      expect(differenceText(difference)).toBe('');
    }),
  );
});

test('RO41: who was planned and who would go now are told apart to the last one', () => {
  fc.assert(
    fc.property(specs, candidates, candidates, (spec, before, now) => {
      const planned = planOf(spec, before).members.map(({ candidate: one }) => one);
      const plan = planOf(spec, now);
      const { alreadyThere, cannot, gone, added } = differenceOf(planned, plan);
      const left = new Set(planned.map(({ agentName }) => agentName));
      for (const name of [...alreadyThere, ...cannot.map(({ agent }) => agent), ...gone])
        expect(left.delete(name)).toBe(true);
      for (const name of added) left.add(name);
      expect([...left].sort()).toEqual(
        plan.members.map(({ candidate: { agentName } }) => agentName).sort(),
      );
    }),
  );
});

test('it is said by name and number, of each kind the first five', () => {
  const planned = named('a', 'b', 'c', 'd');
  const now = planOf(SPEC, [
    ...named('a', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'),
    candidate({ agentName: 'b', version: '2.0.0' }),
    candidate({ agentName: 'c', hasPlatform: false }),
  ]);
  expect(differenceText(differenceOf(planned, now))).toBe(
    '1 runs it already: b; 1 cannot now: c (no-platform); 1 is gone: d; 7 are new: n1, n2, n3, n4, n5 and 2 more',
  );
});

test('an agent that enrolled anew under its name is gone, and new', () => {
  const now = planOf(SPEC, [candidate({ agentName: 'a', instanceId: 'another' })]);
  expect(differenceOf(named('a'), now)).toMatchObject({ gone: ['a'], added: ['a'] });
});
