// The way in for every npm script: brings what is missing, then runs the wanted script under the pinned Node.
//
//   npm test -> (any Node from 20) bootstrap.mjs test -> dependencies, generated code -> (Node 24) scripts/test.ts
//
// Plain JavaScript with built-in modules only, because it runs before anything is installed and under
// whatever Node the machine has. Two may run at once: what they set up is done by one, under a lock.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { areDependenciesCurrent, installDependencies } from './bootstrap/dependencies.mjs';
import { withLock } from './bootstrap/lock.mjs';
import { NODE_PATH, ROOT_DIR } from './bootstrap/places.mjs';
import { runScript } from './bootstrap/run-script.mjs';
import { SetupError } from './bootstrap/setup-error.mjs';

/** npm script -> the file that it runs and the arguments that come before the caller's. */
const SCRIPTS = {
  bench: ['scripts/bench.ts'],
  bundle: ['scripts/bundle.ts'],
  check: ['scripts/check.ts'],
  cuts: ['scripts/cuts.ts'],
  e2e: ['scripts/test.ts', '--project', 'e2e*'],
  gen: ['scripts/gen.mjs'],
  sim: ['scripts/sim.ts'],
  start: ['scripts/start.ts'],
  test: ['scripts/test.ts'],
  tidy: ['scripts/tidy.ts'],
};

async function main([name, ...rest]) {
  const known = Object.hasOwn(SCRIPTS, name ?? '') ? SCRIPTS[name] : undefined;
  if (known === undefined) {
    throw new SetupError(
      `There is no script "${name ?? ''}".`,
      `Use one of: ${Object.keys(SCRIPTS).join(', ')}.`,
    );
  }
  const [file, ...first] = known;
  if (!existsSync(join(ROOT_DIR, file))) {
    throw new SetupError(
      `\`npm run ${name}\` needs ${file}, which is not written yet.`,
      'Use another script.',
    );
  }
  await setUp({ generate: name !== 'gen' });
  return await runScript({
    file: join(ROOT_DIR, file),
    args: [...first, ...rest],
    nodePath: NODE_PATH,
  });
}

async function setUp({ generate }) {
  if (!areDependenciesCurrent()) {
    await withLock(async () => {
      if (!areDependenciesCurrent()) await installDependencies();
    });
  }
  if (!generate) return;
  const gen = await import('./gen.mjs');
  if (gen.isGeneratedCodeCurrent()) return;
  await withLock(async () => {
    if (!gen.isGeneratedCodeCurrent()) await gen.generate();
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof SetupError) {
    process.stderr.write(`\n${error.message}\n${error.nextStep}\n`);
  } else {
    process.stderr.write(`\nThe set-up failed unexpectedly: ${error?.stack ?? error}\n`);
  }
  process.exitCode = 1;
}
