import { describe, expect, test } from 'vitest';
import { liveFleet } from './fleet/fleet-life.ts';
import { runSeeds, seedsFrom, storyOf } from './run.ts';
import { Tally } from './tally.ts';

/** About a minute on a small machine; `npm run sim -- --lives fleet --seeds 4000` looks further. */
const LIVES = 25;

describe('a fleet with its real coordinator, both killed and cut off at any moment', () => {
  test('C2 C9 C10 C12 C15 C18 U17: comes to rest, of one mind, and upgrades once more', async () => {
    const { failures, tally } = await runSeeds({
      seeds: seedsFrom(1, LIVES),
      failuresMax: 3,
      lives: 'fleet',
      say: () => undefined,
    });
    expect(failures.flatMap((life) => storyOf(life, 'fleet')).join('\n')).toBe('');
    // The transactions that every upgrade needs; rarer ones are for longer runs.
    for (const name of ['openSession', 'dispatch', 'decidePermission', 'storeOutput']) {
      expect(tally.points.get(`coordinator:${name}:after`)).toBeGreaterThan(LIVES);
    }
  });

  test('lives the same life again from the same seed', async () => {
    expect(await story(3)).toEqual(await story(3));
  });
});

/** Keys and their ids are drawn anew; what happened, and when, is not. */
async function story(seed: number): Promise<readonly string[]> {
  const { events, steps, virtualMs } = await liveFleet(seed, { tally: new Tally() });
  return [...events.map((line) => line.slice(0, 40)), `${steps} steps, ${virtualMs} ms`];
}
