// Simulated lives of hosts and fleets: `npm run sim -- --seeds 1000 [--from 1] [--failures 5]`, or `--seed N` for one with its whole story.
// A failing seed prints what was violated, what happened last, and the command that repeats it.

import { parseArgs } from 'node:util';
import { runSeeds, sayLife } from '../test/simulation/run.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    failures: { type: 'string', default: '5' },
    lives: { type: 'string', default: 'all' },
  },
});

const LIVES = ['all', 'host', 'fleet'] as const;

const say = (line: string) => process.stdout.write(`${line}\n`);
const numbers = [values.seeds, values.from, values.seed ?? '1', values.failures].map(Number);
const lives = LIVES.find((name) => name === values.lives);
if (lives === undefined || numbers.some((number) => !Number.isSafeInteger(number) || number < 0)) {
  process.stderr.write(
    'usage: npm run sim -- [--seeds N] [--from S] [--failures N] [--lives all|host|fleet] | --seed N\n',
  );
  process.exitCode = 2;
} else if (values.seed !== undefined) {
  const result = await sayLife(lives, Number(values.seed), say);
  if (result.violation !== null) process.exitCode = 1;
} else {
  const { failures } = await runSeeds({
    from: Number(values.from),
    count: Number(values.seeds),
    failuresMax: Number(values.failures),
    lives,
    say,
  });
  if (failures.length > 0) process.exitCode = 1;
}
