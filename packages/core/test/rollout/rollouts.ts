/* What the tests of rollouts are made of. */
import fc from 'fast-check';
import {
  type Candidate,
  DEFAULT_SPEC,
  type MemberCounts,
  NO_MEMBERS,
  type RolloutSpec,
  type RolloutStatus,
  type WaveSize,
  type WaveStatus,
} from '../../src/rollout/index.ts';

export const SPEC: RolloutSpec = { ...DEFAULT_SPEC, component: 'agent', version: '2.0.0' };

export function candidate(some: Partial<Candidate> & { readonly agentName: string }): Candidate {
  return {
    instanceId: `i-${some.agentName}`,
    group: 'a',
    platform: 'linux-x64',
    version: '1.0.0',
    isConnected: true,
    hasPlatform: true,
    isCapable: true,
    isPaceKnown: true,
    isRefusedHere: false,
    canGoBack: true,
    hasChanges: false,
    hasLauncher: true,
    isIrreversible: false,
    ...some,
  };
}

export interface SomeWave extends Partial<Omit<WaveStatus, 'counts'>>, Partial<MemberCounts> {}

export function statusOf(
  waves: readonly SomeWave[],
  some: Partial<Omit<RolloutStatus, 'waves' | 'spec'>> & {
    readonly spec?: Partial<RolloutSpec>;
  } = {},
): RolloutStatus {
  return {
    failuresForgiven: 0,
    doneAtResume: 0,
    isPublished: true,
    ...some,
    spec: { ...SPEC, ...some.spec },
    waves: waves.map(({ lastEndMs = null, isApproved = false, ...counts }) => ({
      counts: { ...NO_MEMBERS, ...counts },
      lastEndMs,
      isApproved,
    })),
  };
}

const sizes: fc.Arbitrary<WaveSize> = fc.oneof(
  fc.record({ kind: fc.constant('count' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({
    kind: fc.constant('percent' as const),
    percent: fc.double({ min: 0.1, max: 100, noNaN: true }),
  }),
);

export const waveSizes: fc.Arbitrary<readonly WaveSize[]> = fc
  .array(sizes, { maxLength: 4 })
  .map((first) => [...first, { kind: 'rest' }]);

/** Any that can be made. */
const anySpecs: fc.Arbitrary<RolloutSpec> = fc.record({
  component: fc.constant('agent' as const),
  version: fc.constant('2.0.0'),
  waves: waveSizes,
  soakMs: fc.constantFrom(0, 0, 1000, 60_000),
  successShareMin: fc.constantFrom(0, 0, 0.5, 1),
  needsApproval: fc.boolean(),
  onError: fc.constantFrom('stop' as const, 'stop' as const, 'continue' as const),
  failuresAllowed: fc.oneof(
    fc.record({ kind: fc.constant('count' as const), max: fc.nat(3) }),
    fc.record({
      kind: fc.constant('share' as const),
      max: fc.constantFrom(0, 0.1, 0.5, 1),
      minimumSample: fc.integer({ min: 1, max: 8 }),
    }),
  ),
  pauseAfter: fc.option(fc.integer({ min: 1, max: 6 })),
  isForced: fc.boolean(),
  rollBack: fc.constantFrom('failed' as const, 'all' as const, 'none' as const),
  rollBackTo: fc.constantFrom(null, null, '1.0.0'),
  goesOnAfterRollBack: fc.boolean(),
  takesLateJoiners: fc.boolean(),
  priority: fc.integer({ min: -100, max: 100 }),
  pace: fc.constantFrom('now' as const, 'soft' as const, 'fetch-only' as const),
  isLauncherNeeded: fc.boolean(),
  needsSecondPrincipal: fc.boolean(),
});

/** Where versions are only fetched nothing goes back; and nobody goes back to a version where nobody goes. */
export const specs: fc.Arbitrary<RolloutSpec> = anySpecs.filter(
  ({ pace, rollBack, rollBackTo }) =>
    (pace !== 'fetch-only' || rollBack !== 'all') && (rollBack !== 'none' || rollBackTo === null),
);

export const candidates: fc.Arbitrary<readonly Candidate[]> = fc
  .array(
    fc.record({
      group: fc.constantFrom('a', 'b', 'c'),
      version: fc.constantFrom('1.0.0', '1.0.0', '1.0.0', '2.0.0', null),
      isConnected: fc.constantFrom(true, true, false),
      hasPlatform: fc.constantFrom(true, true, true, false),
      isCapable: fc.constantFrom(true, true, null, false),
      isPaceKnown: fc.constantFrom(true, true, null, false),
      isRefusedHere: fc.constantFrom(false, false, true),
      canGoBack: fc.boolean(),
      hasChanges: fc.boolean(),
      hasLauncher: fc.constantFrom(true, true, false),
      isIrreversible: fc.boolean(),
    }),
    { maxLength: 30 },
  )
  .map((all) => all.map((one, index) => candidate({ ...one, agentName: `n${index}` })));
