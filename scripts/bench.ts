// Measures: `npm run bench`, `npm run bench -- upgrade`, `-o json` for programs, `--strict` to end with 1 where
// a bar does not hold, `--agents N` for a smaller rollout. Each benchmark is a file of scripts/bench/ and measures its baseline in the same run.

import { parseArgs } from 'node:util';
import { measureCoordinator } from './bench/coordinator.ts';
import type { Figure } from './bench/figure.ts';
import { measureOutput } from './bench/output.ts';
import { measureRollout } from './bench/rollout.ts';
import { tableOf } from './bench/table.ts';
import { measureTasks } from './bench/tasks.ts';
import { measureUpgrade } from './bench/upgrade.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    output: { type: 'string', short: 'o', default: 'table' },
    agents: { type: 'string' },
    strict: { type: 'boolean', default: false },
  },
});
/** Of the rollout; null: as many as its bars speak of. */
const agents = values.agents === undefined ? null : Number(values.agents);

type Benchmark = (say: (line: string) => void) => Promise<readonly Figure[]>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  coordinator: (say) => measureCoordinator(say),
  output: (say) => measureOutput(say),
  rollout: (say) => measureRollout(say, agents),
  tasks: (say) => measureTasks(say),
  upgrade: measureUpgrade,
};

const unknown = positionals.filter((name) => !(name in BENCHMARKS));
const isCounted = agents === null || (Number.isInteger(agents) && agents > 0);
if (unknown.length > 0 || !isCounted || !['table', 'json'].includes(values.output)) {
  process.stderr.write(
    `usage: npm run bench -- [NAME ...] [-o json] [--strict] [--agents N]\nNAME is one of: ${Object.keys(BENCHMARKS).join(', ')}\n`,
  );
  process.exitCode = 2;
} else {
  await run(positionals.length === 0 ? Object.keys(BENCHMARKS) : positionals);
}

async function run(names: readonly string[]): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const figures: Figure[] = [];
  for (const name of names) figures.push(...((await BENCHMARKS[name]?.(say)) ?? []));
  const text = values.output === 'json' ? JSON.stringify(figures, null, 2) : tableOf(figures);
  process.stdout.write(`${text}\n`);
  if (values.strict && figures.some((figure) => figure.holds === false)) process.exitCode = 1;
}
