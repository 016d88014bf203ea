import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type MemberState, planOf } from '../../src/rollout/index.ts';
import { type Happening, RolloutWorld } from './rollout-world.ts';
import { candidates, specs } from './rollouts.ts';

const RUNS = 300;

const ends = fc.constantFrom<MemberState>(
  ...(['done', 'done', 'done', 'done', 'failed', 'rolled-back', 'stopped'] as const),
);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constant('time-passed' as const), ms: fc.constantFrom(1, 500, 60_000) }),
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('ended' as const), index: fc.nat(9), as: ends }),
  },
  fc.record({
    kind: fc.constantFrom(
      'went' as const,
      'came' as const,
      'came' as const,
      'skipped' as const,
      'failed-after' as const,
      'stays-bad' as const,
    ),
    index: fc.nat(99),
  }),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...([
          'paused',
          'resumed',
          'resumed',
          'resumed',
          'approved',
          'approved',
          'tried-again',
        ] as const),
      ),
    }),
  },
);

/** Nearly all go: whom a plan leaves out has no life in its rollout. */
const going = candidates.map((all) =>
  all.map((one) => ({
    ...one,
    ...{ hasPlatform: true, isCapable: true, isPaceKnown: true, hasLauncher: true },
  })),
);

test('RO1, RO2, RO3, RO4, RO5, RO6, RO9, RO35, RO37, RO38 hold whatever happens to a rollout, and it ends', () => {
  const seen = new Map<string, number>();
  const unavailableMax = fc.record({
    a: fc.integer({ min: 1, max: 3 }),
    b: fc.integer({ min: 1, max: 3 }),
    c: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(
      specs,
      going,
      unavailableMax,
      fc.array(happening, { maxLength: 120, size: 'max' }),
      (spec, all, groups, happenings) => {
        const plan = planOf(spec, all);
        const world = new RolloutWorld({ spec, plan, unavailableMax: groups });
        world.step();
        for (const one of happenings) world.happen(one);
        // Each help ends an upgrade, opens a wave, or makes it run again.
        const helpsMax = 9 * (world.size + spec.waves.length + 1);
        for (let help = 0; help < helpsMax && world.help(); help++);
        expect(world.state).toBe('ended');
        for (const kind of world.seen) seen.set(kind, (seen.get(kind) ?? 0) + 1);
      },
    ),
    { numRuns: RUNS },
  );
  // Nothing is proved of what no life has met.
  for (const kind of ['start', 'halt', 'pause', 'end', 'upgrading', 'awaiting-soak', 'went back'])
    expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(RUNS / 100);
  for (const kind of ['awaiting-approval', 'awaiting-gate', 'agent-down', 'rolling-back'])
    expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(0);
});
