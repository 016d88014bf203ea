/*
 * Runs lives in several processes at once, a slice of seeds at a time to whichever is free. What a life does depends
 * on its seed alone, so who lived it does not matter.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Kept, readKept, writeKept } from './kept-tally.ts';
import { type LivesOf, type Run, seedsFrom } from './run.ts';
import type { Counts } from './tally.ts';
import { scarceIn } from './variation.ts';

export interface Slice {
  readonly seeds: readonly number[];
  readonly failuresMax: number;
  readonly lives: LivesOf;
}

/** What a process answers to a slice. */
export interface SliceResult {
  readonly counts: Counts;
  readonly met: Run['met'];
  readonly lives: number;
  readonly failed: number;
  readonly steps: number;
  readonly stories: readonly string[];
}

/** Some minutes of work at most, so that progress is seen and no process is left alone with the end. */
const SLICE_SEEDS = 100;
const SLICE_PROGRAM = fileURLToPath(new URL('run-slice.ts', import.meta.url));

const ROUNDS_MAX = 30;

/** The seeds; then variations of those that met what was met less than `least` times, while that helps. */
export async function runInProcesses(
  options: LivesOptions & { readonly from: number; readonly count: number; readonly least: number },
): Promise<Kept> {
  const { from, count, least, failuresMax, say } = options;
  const run = readKept(options.tallyPath);
  const hasFailed = () => run.failed >= failuresMax;
  await live(run, seedsFrom(from, count), options);
  // A name that a round of variations has not met once is given up.
  const hopeless = new Set<string>();
  for (let round = 1; round <= ROUNDS_MAX && least > 1 && !hasFailed(); round++) {
    const before = [...scarceIn(run.tally, least)].filter(([name]) => !hopeless.has(name));
    const seeds = run.met.variationsFor(before);
    if (seeds.length === 0) break;
    say(`${before.length} things were met less than ${least} times: ${seeds.length} variations`);
    await live(run, seeds, options);
    const after = scarceIn(run.tally, least);
    for (const [name, missing] of before) if (after.get(name) === missing) hopeless.add(name);
  }
  return run;
}

interface LivesOptions extends Omit<Slice, 'seeds'> {
  readonly processes: number;
  /** Where what was met is kept, for a run in parts; null: nowhere. */
  readonly tallyPath: string | null;
  readonly say: (line: string) => void;
}

async function live(run: Kept, seeds: readonly number[], options: LivesOptions): Promise<void> {
  const { failuresMax, lives, processes, tallyPath, say } = options;
  const end = run.lives + seeds.length;
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < seeds.length && run.failed < failuresMax) {
      const slice = { seeds: seeds.slice(next, next + SLICE_SEEDS), failuresMax, lives };
      next += SLICE_SEEDS;
      const result = await answerTo(slice);
      take(run, result);
      if (tallyPath !== null) writeKept(tallyPath, run);
      for (const line of result.stories) say(line);
      say(`${run.lives} of ${end} lives, ${run.failed} failed`);
    }
  };
  const wanted = Math.min(processes, Math.ceil(seeds.length / SLICE_SEEDS));
  await Promise.all(Array.from({ length: wanted }, work));
}

function take(run: Kept, result: SliceResult): void {
  run.tally.add(result.counts);
  for (const [seed, names] of result.met) run.met.add(seed, names);
  run.lives += result.lives;
  run.failed += result.failed;
  run.steps += result.steps;
}

/** A process for each slice: what killed programs left waiting is never let go of in one that goes on. */
async function answerTo(slice: Slice): Promise<SliceResult> {
  const child = fork(SLICE_PROGRAM, { serialization: 'advanced' });
  try {
    return await new Promise((resolve, reject) => {
      child.once('exit', (code, signal) => {
        const { seeds } = slice;
        const which = `seeds ${seeds.at(0)} to ${seeds.at(-1)}`;
        reject(new Error(`${which}: their process ended, ${code ?? signal}`));
      });
      child.once('message', (result) => resolve(result as SliceResult));
      child.send(slice);
    });
  } finally {
    if (child.connected) child.disconnect();
  }
}
