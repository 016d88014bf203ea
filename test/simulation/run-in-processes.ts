/*
 * Runs lives in several processes at once, a slice of seeds at a time to whichever is free. What a life does depends
 * on its seed alone, so who lived it does not matter.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type LivesOf, type Run, seedsFrom } from './run.ts';
import { type Counts, Tally } from './tally.ts';
import { Met, scarceIn } from './variation.ts';

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

export interface ParallelRun {
  readonly tally: Tally;
  readonly lives: number;
  readonly failed: number;
  readonly steps: number;
}

const ROUNDS_MAX = 30;

/** The seeds; then variations of those that met what was met less than `least` times, while that helps. */
export async function runInProcesses(options: {
  readonly from: number;
  readonly count: number;
  readonly failuresMax: number;
  readonly least: number;
  readonly lives: LivesOf;
  readonly processes: number;
  readonly say: (line: string) => void;
}): Promise<ParallelRun> {
  const { from, count, failuresMax, least, lives, processes, say } = options;
  const run = new Lives({ failuresMax, lives, processes, say });
  await run.live(seedsFrom(from, count));
  // A name that a round of variations has not met once is given up.
  const hopeless = new Set<string>();
  for (let round = 1; round <= ROUNDS_MAX && least > 1 && !run.hasFailed; round++) {
    const before = [...scarceIn(run.tally, least)].filter(([name]) => !hopeless.has(name));
    const seeds = run.met.variationsFor(before);
    if (seeds.length === 0) break;
    say(`${before.length} things were met less than ${least} times: ${seeds.length} variations`);
    await run.live(seeds);
    const after = scarceIn(run.tally, least);
    for (const [name, missing] of before) if (after.get(name) === missing) hopeless.add(name);
  }
  return run;
}

interface LivesOptions extends Omit<Slice, 'seeds'> {
  readonly processes: number;
  readonly say: (line: string) => void;
}

class Lives implements ParallelRun {
  readonly tally: Tally = new Tally();
  readonly met: Met = new Met();
  lives = 0;
  failed = 0;
  steps = 0;
  readonly #options: LivesOptions;

  constructor(options: LivesOptions) {
    this.#options = options;
  }

  get hasFailed(): boolean {
    return this.failed >= this.#options.failuresMax;
  }

  async live(seeds: readonly number[]): Promise<void> {
    const { failuresMax, lives, processes } = this.#options;
    const end = this.lives + seeds.length;
    let next = 0;
    const work = async (): Promise<void> => {
      const child = fork(SLICE_PROGRAM, { serialization: 'advanced' });
      try {
        while (next < seeds.length && !this.hasFailed) {
          const slice = { seeds: seeds.slice(next, next + SLICE_SEEDS), failuresMax, lives };
          next += SLICE_SEEDS;
          this.#take(await answerTo(child, slice), end);
        }
      } finally {
        child.disconnect();
      }
    };
    const wanted = Math.min(processes, Math.ceil(seeds.length / SLICE_SEEDS));
    await Promise.all(Array.from({ length: wanted }, work));
  }

  #take(result: SliceResult, end: number): void {
    const { say } = this.#options;
    this.tally.add(result.counts);
    for (const [seed, names] of result.met) this.met.add(seed, names);
    this.lives += result.lives;
    this.failed += result.failed;
    this.steps += result.steps;
    for (const line of result.stories) say(line);
    say(`${this.lives} of ${end} lives, ${this.failed} failed`);
  }
}

async function answerTo(child: ChildProcess, slice: Slice): Promise<SliceResult> {
  return await new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null) => {
      const { seeds } = slice;
      const which = `seeds ${seeds.at(0)} to ${seeds.at(-1)}`;
      reject(new Error(`${which}: their process ended, ${code ?? signal}`));
    };
    child.once('exit', ended);
    child.once('message', (result) => {
      child.off('exit', ended);
      resolve(result as SliceResult);
    });
    child.send(slice);
  });
}
