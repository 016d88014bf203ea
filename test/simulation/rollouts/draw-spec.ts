/* Rollouts as somebody may order them: everything that the API takes, small numbers more often than large ones. */
import type { RolloutSpec, WaveSize } from '@moult/core/rollout';
import type { SeededRandom } from '../seeded-random.ts';

export function drawSpec(random: SeededRandom): Partial<RolloutSpec> {
  return {
    waves: drawWaves(random),
    soakMs: Number(random.weighted({ 0: 3, 2000: 2, 30000: 2, 120000: 1 })),
    successShareMin: random.pick([0, 0, 0, 0.5, 1]),
    needsApproval: random.chance(0.25),
    onError: random.chance(0.8) ? 'stop' : 'continue',
    failuresAllowed: random.chance(0.6)
      ? { kind: 'count', max: random.pick([0, 0, 1, 3]) }
      : {
          kind: 'share',
          max: random.pick([0, 0.1, 0.5, 1]),
          minimumSample: random.between(1, 5),
        },
    pauseAfter: random.chance(0.2) ? random.between(1, 4) : null,
    isForced: random.chance(0.2),
    takesLateJoiners: random.chance(0.2),
    priority: random.pick([0, 0, 0, 1, -1]),
  };
}

function drawWaves(random: SeededRandom): readonly WaveSize[] {
  const count = Number(random.weighted({ 0: 2, 1: 4, 2: 3, 3: 1 }));
  const first = Array.from({ length: count }, (): WaveSize => {
    return random.chance(0.5)
      ? { kind: 'count', count: random.between(1, 3) }
      : { kind: 'percent', percent: random.pick([1, 10, 25, 50]) };
  });
  return [...first, { kind: 'rest' }];
}
