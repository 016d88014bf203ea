// Every check that is not a test: format and lint, types, dead code, tidy. All of them run, so that one
// round of corrections is enough; the exit code is 1 if any failed.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT_DIR } from './root.ts';

interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly onFailure: string;
}

const BIN_DIR = join(ROOT_DIR, 'node_modules', '.bin');

const STEPS: readonly Step[] = [
  {
    name: 'format and lint',
    command: join(BIN_DIR, 'biome'),
    args: ['check', '--error-on-warnings', '--max-diagnostics=100'],
    onFailure: '`npx biome check --write` corrects most of it.',
  },
  {
    name: 'types',
    command: join(BIN_DIR, 'tsc'),
    args: ['-b'],
    onFailure: 'Correct the types; `npx tsc -b packages/NAME` checks one package.',
  },
  {
    name: 'dead code',
    command: join(BIN_DIR, 'knip'),
    args: ['--no-progress', '--no-config-hints'],
    onFailure:
      'Delete what nobody uses, or use it; what is declared but not installed goes into package.json.',
  },
  {
    name: 'tidy',
    command: process.execPath,
    args: [join(ROOT_DIR, 'scripts', 'tidy.ts'), '--check'],
    onFailure: 'Each line says what to do.',
  },
];

let failed = 0;
for (const step of STEPS) {
  const startedMs = performance.now();
  const { code, output } = await run(step);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)\n`);
  if (code === 0) continue;
  failed += 1;
  process.stdout.write(`${output.trimEnd()}\n${step.onFailure}\n\n`);
}
process.exitCode = failed > 0 ? 1 : 0;

function run(step: Step): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn(step.command, step.args, {
    cwd: ROOT_DIR,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve) => {
    let output = '';
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) =>
      resolve({ code: 127, output: `${step.command}: ${error.message}` }),
    );
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
