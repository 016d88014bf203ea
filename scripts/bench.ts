// Measures: `npm run bench`, `npm run bench -- upgrade`, `-o json` for programs, `--strict` to end with 1 where
// a bar does not hold. Each benchmark is a file of scripts/bench/ and measures its baseline in the same run.

import { parseArgs } from 'node:util';
import { measureCoordinator } from './bench/coordinator.ts';
import type { Figure } from './bench/figure.ts';
import { measureOutput } from './bench/output.ts';
import { tableOf } from './bench/table.ts';
import { measureTasks } from './bench/tasks.ts';
import { measureUpgrade } from './bench/upgrade.ts';

type Benchmark = (say: (line: string) => void) => Promise<readonly Figure[]>;

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  coordinator: (say) => measureCoordinator(say),
  output: (say) => measureOutput(say),
  tasks: (say) => measureTasks(say),
  upgrade: measureUpgrade,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    output: { type: 'string', short: 'o', default: 'table' },
    strict: { type: 'boolean', default: false },
  },
});

const unknown = positionals.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0 || !['table', 'json'].includes(values.output)) {
  process.stderr.write(
    `usage: npm run bench -- [NAME ...] [-o json] [--strict]\nNAME is one of: ${Object.keys(BENCHMARKS).join(', ')}\n`,
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
