// One process of several: lives slices of seeds, one after the other, and answers what came of each.

import { runSeeds } from './run.ts';
import type { Slice, SliceResult } from './run-in-processes.ts';

process.on('message', (slice: Slice) => {
  void answer(slice);
});

async function answer(slice: Slice): Promise<void> {
  const stories: string[] = [];
  const run = await runSeeds({ ...slice, say: (line) => void stories.push(line) });
  const { cells, points, crashes, faults, outcomes } = run.tally;
  const result: SliceResult = {
    counts: { cells, points, crashes, faults, outcomes },
    met: run.met,
    lives: run.lives,
    failed: run.failures.length,
    steps: run.steps,
    stories,
  };
  process.send?.(result);
}
