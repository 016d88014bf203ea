import { describe, expect, test } from 'vitest';
import { live } from './life.ts';
import { POINTS } from './points.ts';
import { runSeeds, seedsFrom, storyOf } from './run.ts';
import { Tally } from './tally.ts';

/** Some twenty seconds on a small machine; `npm run sim -- --seeds 10000` looks further. */
const LIVES = 200;

describe('a host that is crashed anywhere, in a world that fails in any way', () => {
  test('comes to rest with launcher, agent and coordinator of one mind, and upgrades once more', async () => {
    const { failures, tally } = await runSeeds({
      seeds: seedsFrom(1, LIVES),
      failuresMax: 3,
      lives: 'host',
      say: () => undefined,
    });
    expect(failures.flatMap((life) => storyOf(life, 'host')).join('\n')).toBe('');
    const neverEntered = [...rowsOf(tally.cells)].filter(([, count]) => count === 0);
    expect(neverEntered.map(([row]) => row)).toEqual(UNENTERED);
    const neverPassed = POINTS.filter((name) => tally.points.get(name) === 0);
    expect(neverPassed).toEqual([]);
  });

  test('lives the same life again from the same seed', async () => {
    const first = await story(7);
    expect(await story(7)).toEqual(first);
    expect(first.length).toBeGreaterThan(50);
  });
});

/** Nothing is taken in it: the launcher's process ends. */
const UNENTERED = ['supervision: ended'];

function rowsOf(cells: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const rows = new Map<string, number>();
  for (const [cell, count] of cells) {
    const row = cell.slice(0, cell.indexOf(' × '));
    rows.set(row, (rows.get(row) ?? 0) + count);
  }
  return rows;
}

async function story(seed: number): Promise<readonly string[]> {
  const lines: string[] = [];
  await live(seed, { tally: new Tally(), say: (line) => lines.push(line) });
  return lines;
}
