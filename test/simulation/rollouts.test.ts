import { describe, expect, test } from 'vitest';
import { liveRollouts } from './rollouts/rollout-life.ts';
import { runSeeds, seedsFrom, storyOf } from './run.ts';
import { Tally } from './tally.ts';

/** Some twenty seconds on a small machine; `npm run sim -- --lives rollouts --seeds 5000` looks further. */
const LIVES = 15;
/** What a few lives come to; rarer things are for longer runs. */
const MET = [
  'agent: away for a while',
  'member: upgrading → done',
  'member: upgrading → parked',
  'member: parked → upgrading',
  'member: upgrading → rolled-back',
  'rollout: running → halted',
  'rollout: paused → running',
  'rollout: running → ended',
  'wave: opens',
  'wave: opens approved',
];

describe('rollouts to a fleet, with everything of it killed, cut off and put back at any moment', () => {
  test('RO1 RO2 RO3 RO4 RO5 RO6 RO7 RO8 RO9 RO10: whatever happens, they end as their agents did', async () => {
    const { failures, tally } = await runSeeds({
      seeds: seedsFrom(1, LIVES),
      failuresMax: 3,
      lives: 'rollouts',
      say: () => undefined,
    });
    expect(failures.flatMap((life) => storyOf(life, 'rollouts')).join('\n')).toBe('');
    expect(MET.filter((name) => !tally.outcomes.has(`rollouts: ${name}`))).toEqual([]);
  });

  test('lives the same life again from the same seed', async () => {
    expect(await story(5)).toEqual(await story(5));
  });
});

/** Keys and their ids are drawn anew; what happened, and when, is not. */
async function story(seed: number): Promise<readonly string[]> {
  const { events, steps, virtualMs } = await liveRollouts(seed, { tally: new Tally() });
  return [...events.map((line) => line.slice(0, 40)), `${steps} steps, ${virtualMs} ms`];
}
