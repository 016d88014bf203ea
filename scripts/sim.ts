// Simulated lives of hosts, fleets and rollouts: `npm run sim -- --seeds 1000 [--from 1] [--failures 5]`, or `--seed N` for one with its whole story.
// It runs in as many processes as the machine has cores (`--processes 1` for less). What was met less than `--least` times is
// looked for in variations of the lives that met it (`--seed 2000007` is the second one of 7), and named if that is not enough.
// With `--tally FILE` a run adds to what the runs before it have met, so that a long one can be had in parts. A failing seed prints what was violated, what happened last, and the command that repeats it.

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { LIVES, type LivesOf, reportOf, sayLife } from '../test/simulation/run.ts';
import { runInProcesses } from '../test/simulation/run-in-processes.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    failures: { type: 'string', default: '5' },
    lives: { type: 'string', default: 'all' },
    least: { type: 'string', default: '1' },
    processes: { type: 'string', default: String(availableParallelism()) },
    tally: { type: 'string' },
  },
});

const say = (line: string) => process.stdout.write(`${line}\n`);
const { seeds, from, failures, least, processes } = values;
const numbers = [seeds, from, values.seed ?? '1', failures, least, processes].map(Number);
const lives = LIVES.find((name) => name === values.lives);
if (lives === undefined || numbers.some((number) => !Number.isSafeInteger(number) || number < 0)) {
  process.stderr.write(
    `usage: npm run sim -- [--seeds N] [--from S] [--failures N] [--lives ${LIVES.join('|')}] [--least N] [--processes N] [--tally FILE] | --seed N\n`,
  );
  process.exitCode = 2;
} else if (values.seed !== undefined) {
  const result = await sayLife(lives, Number(values.seed), say);
  if (result.violation !== null) process.exitCode = 1;
} else {
  await runAll(lives);
}

async function runAll(of: LivesOf): Promise<void> {
  const beganMs = performance.now();
  const run = await runInProcesses({
    from: Number(from),
    count: Number(seeds),
    failuresMax: Number(failures),
    least: Number(least),
    tallyPath: values.tally ?? null,
    lives: of,
    processes: Math.max(1, Number(processes)),
    say,
  });
  const seconds = (performance.now() - beganMs) / 1_000;
  for (const line of reportOf(run.tally, Number(least))) say(line);
  say(`${run.lives} lives, ${run.failed} failed, ${run.steps} steps, in ${seconds.toFixed(0)} s`);
  if (run.failed > 0) process.exitCode = 1;
}
