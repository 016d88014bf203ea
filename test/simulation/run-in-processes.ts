/*
 * Runs lives in several processes at once, a slice of seeds at a time to whichever is free. What a life does depends
 * on its seed alone, so who lived it does not matter.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LivesOf } from './run.ts';
import { type Counts, Tally } from './tally.ts';

export interface Slice {
  readonly from: number;
  readonly count: number;
  readonly failuresMax: number;
  readonly lives: LivesOf;
}

/** What a process answers to a slice. */
export interface SliceResult {
  readonly counts: Counts;
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

export async function runInProcesses(options: {
  readonly from: number;
  readonly count: number;
  readonly failuresMax: number;
  readonly lives: LivesOf;
  readonly processes: number;
  readonly say: (line: string) => void;
}): Promise<ParallelRun> {
  const { from, count, failuresMax, lives, processes, say } = options;
  const end = from + count;
  const sum = { tally: new Tally(), lives: 0, failed: 0, steps: 0 };
  let next = from;
  const take = (result: SliceResult) => {
    sum.tally.add(result.counts);
    sum.lives += result.lives;
    sum.failed += result.failed;
    sum.steps += result.steps;
    for (const line of result.stories) say(line);
    say(`${sum.lives} of ${count} lives, ${sum.failed} failed`);
  };
  const work = async () => {
    const child = fork(SLICE_PROGRAM, { serialization: 'advanced' });
    try {
      while (next < end && sum.failed < failuresMax) {
        const slice = { from: next, count: Math.min(SLICE_SEEDS, end - next), failuresMax, lives };
        next += slice.count;
        take(await answerTo(child, slice));
      }
    } finally {
      child.disconnect();
    }
  };
  const wanted = Math.min(processes, Math.ceil(count / SLICE_SEEDS));
  await Promise.all(Array.from({ length: wanted }, work));
  return sum;
}

async function answerTo(child: ChildProcess, slice: Slice): Promise<SliceResult> {
  return await new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null) => {
      const { from, count } = slice;
      reject(
        new Error(`seeds ${from} to ${from + count - 1}: their process ended, ${code ?? signal}`),
      );
    };
    child.once('exit', ended);
    child.once('message', (result) => {
      child.off('exit', ended);
      resolve(result as SliceResult);
    });
    child.send(slice);
  });
}
