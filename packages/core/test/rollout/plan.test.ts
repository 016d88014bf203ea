import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Candidate,
  type Plan,
  planOf,
  type RolloutSpec,
  type WaveSize,
  waveBounds,
} from '../../src/rollout/index.ts';
import { candidate, candidates, SPEC, specs, waveSizes } from './rollouts.ts';

function namesOf(plan: Plan): readonly string[] {
  return plan.members.map(({ candidate: { agentName } }) => agentName);
}

describe('who goes', () => {
  const cases: readonly [string, Partial<Candidate>, Partial<RolloutSpec>, string][] = [
    ['an older one goes', {}, {}, 'goes'],
    ['one that was never seen with any version goes', { version: null }, {}, 'goes'],
    ['a newer one goes back', { version: '3.0.0' }, {}, 'goes'],
    ['one that no session was ever seen of goes', { isCapable: null }, {}, 'goes'],
    ['one that is away goes', { isConnected: false }, {}, 'goes'],
    ['one that has the version is there', { version: '2.0.0' }, {}, 'there'],
    [
      'one that has the version is there, whatever it could do',
      { version: '2.0.0', hasPlatform: false },
      {},
      'there',
    ],
    ['without a release for its platform it cannot', { hasPlatform: false }, {}, 'no-platform'],
    ['too old it cannot', { isCapable: false }, {}, 'manual-upgrade-required'],
    ['too old for the pace it cannot', { isPaceKnown: false }, {}, 'pace-unknown'],
    ['where it was refused it cannot', { isRefusedHere: true }, {}, 'refused-here'],
    ['where it was refused it is forced to', { isRefusedHere: true }, { isForced: true }, 'goes'],
    ['without a launcher it goes', { hasLauncher: false }, {}, 'goes'],
    [
      'without a launcher it cannot where one is needed',
      { hasLauncher: false },
      { isLauncherNeeded: true },
      'no-launcher',
    ],
    [
      'without a launcher it gets none',
      { hasLauncher: false },
      { component: 'launcher' },
      'no-launcher',
    ],
    ['force makes no release', { hasPlatform: false }, { isForced: true }, 'no-platform'],
  ];
  test.each(cases)('%s', (_name, some, spec, expected) => {
    const one = candidate({ ...some, agentName: 'n1' });
    const plan = planOf({ ...SPEC, ...spec }, [one]);
    const [blocked] = plan.cannot;
    const found = plan.alreadyThere.length === 1 ? 'there' : (blocked?.reason ?? 'goes');
    expect(found).toBe(expected);
    expect(plan.members).toHaveLength(expected === 'goes' ? 1 : 0);
  });

  test('each candidate is exactly one of going, there, and unable', () => {
    fc.assert(
      fc.property(specs, candidates, (spec, all) => {
        const plan = planOf(spec, all);
        const told = [
          ...plan.members.map((member) => member.candidate),
          ...plan.alreadyThere,
          ...plan.cannot.map((one) => one.candidate),
        ];
        expect(new Set(told)).toEqual(new Set(all));
        expect(told).toHaveLength(all.length);
      }),
    );
  });
});

describe('in which order', () => {
  test('of each group one in turn, by name', () => {
    const all = ['b2', 'a1', 'b1', 'a2', 'a3', 'c1'].map((agentName) =>
      candidate({ agentName, group: agentName.charAt(0) }),
    );
    expect(namesOf(planOf(SPEC, all))).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  test('a group that is all away does not give the canary', () => {
    const plan = planOf(SPEC, [
      candidate({ agentName: 'a1', group: 'a', isConnected: false }),
      candidate({ agentName: 'b1', group: 'b', isConnected: false }),
      candidate({ agentName: 'b2', group: 'b' }),
    ]);
    expect(namesOf(plan)).toEqual(['b2', 'a1', 'b1']);
    expect(plan.members.map(({ wave }) => wave)).toEqual([0, 1, 1]);
  });

  test('one that is held goes after those that could begin, and is not said to be away', () => {
    const plan = planOf(SPEC, [
      candidate({ agentName: 'a1', isHeld: true }),
      candidate({ agentName: 'a2' }),
    ]);
    expect(namesOf(plan)).toEqual(['a2', 'a1']);
    expect(plan.warnings).toEqual([]);
  });

  test('two instances of one agent have an order, too', () => {
    const [one, two] = ['i1', 'i2'].map((instanceId) =>
      candidate({ agentName: 'n', instanceId }),
    ) as [Candidate, Candidate];
    expect(planOf(SPEC, [two, one])).toEqual(planOf(SPEC, [one, two]));
  });

  test('connected ones first, and each group in turn until it has no more', () => {
    fc.assert(
      fc.property(specs, candidates, (spec, all) => {
        const { members } = planOf(spec, all);
        expect(members.map(({ place }) => place)).toEqual(members.map((_, index) => index));
        const there = members.filter((member) => member.candidate.isConnected);
        expect(members.slice(0, there.length)).toEqual(there);
        for (const part of [there, members.slice(there.length)]) {
          const left = countsOf(part.map((member) => member.candidate.group));
          const had = new Map<string, number>();
          for (const { candidate: own } of part) {
            const before = had.get(own.group) ?? 0;
            // Nobody has a second turn while a group that still has agents waits for its first.
            for (const [group, count] of left) {
              if (count > 0) expect(had.get(group) ?? 0).toBeGreaterThanOrEqual(before);
            }
            had.set(own.group, before + 1);
            left.set(own.group, (left.get(own.group) ?? 0) - 1);
          }
        }
      }),
    );
  });

  test('it does not matter in which order they were given', () => {
    const shuffled = candidates.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray([...all], { minLength: all.length, maxLength: all.length }),
      ),
    );
    fc.assert(
      fc.property(specs, shuffled, (spec, [all, other]) => {
        expect(planOf(spec, other).members).toEqual(planOf(spec, all).members);
      }),
    );
  });
});

describe('in which wave', () => {
  const cases: readonly [string, readonly WaveSize[], number, readonly number[]][] = [
    ['a canary, and the rest', [{ kind: 'count', count: 1 }, { kind: 'rest' }], 10, [1, 10]],
    [
      'of a percentage at least one',
      [{ kind: 'percent', percent: 1 }, { kind: 'rest' }],
      9,
      [1, 9],
    ],
    ['rounded up', [{ kind: 'percent', percent: 25 }, { kind: 'rest' }], 9, [3, 9]],
    ['of all, not of those left', Array(2).fill({ kind: 'percent', percent: 50 }), 10, [5, 10]],
    ['a wave larger than all', [{ kind: 'count', count: 99 }, { kind: 'rest' }], 3, [3, 3]],
    ['of nobody', [{ kind: 'percent', percent: 50 }, { kind: 'rest' }], 0, [0, 0]],
  ];
  test.each(cases)('%s', (_name, waves, total, bounds) => {
    expect(waveBounds(waves, total)).toEqual(bounds);
  });

  test('everybody is in one, waves follow each other, and none is empty before one that is not', () => {
    fc.assert(
      fc.property(waveSizes, fc.nat(200), (waves, total) => {
        const bounds = waveBounds(waves, total);
        expect(bounds).toHaveLength(waves.length);
        expect(bounds.at(-1)).toBe(total);
        let before = 0;
        for (const bound of bounds) {
          expect(bound).toBeGreaterThanOrEqual(before);
          if (bound === before) expect(bound).toBe(total);
          before = bound;
        }
      }),
    );
  });

  test('members lie within the bounds of their waves', () => {
    fc.assert(
      fc.property(specs, candidates, (spec, all) => {
        const { members } = planOf(spec, all);
        const bounds = waveBounds(spec.waves, members.length);
        for (const { place, wave } of members) {
          expect(place).toBeLessThan(bounds[wave] ?? 0);
          expect(place).toBeGreaterThanOrEqual(bounds[wave - 1] ?? 0);
        }
      }),
    );
  });
});

test('the plan warns of those that go, and of going on after errors', () => {
  const plan = planOf({ ...SPEC, onError: 'continue' }, [
    candidate({ agentName: 'plain' }),
    candidate({ agentName: 'gone', canGoBack: false }),
    candidate({ agentName: 'new', version: null, canGoBack: false }),
    candidate({ agentName: 'changed', hasChanges: true }),
    candidate({ agentName: 'away', isConnected: false }),
    candidate({ agentName: 'there', version: '2.0.0', isConnected: false, hasChanges: true }),
  ]);
  expect(plan.warnings).toEqual([
    { code: 'no-way-back', agents: ['gone'] },
    { code: 'changed-by-hand', agents: ['changed'] },
    { code: 'away', agents: ['away'] },
    { code: 'continues-on-error', agents: [] },
  ]);
  expect(planOf(SPEC, [candidate({ agentName: 'plain' })]).warnings).toEqual([]);
});

function countsOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
