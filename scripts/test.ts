// Runs the tests: `npm test`, `npm test -- upgrade` (files whose path has it), `npm test -- -t 'lapsed lease'`.
// The last line is `N passed, N failed`; a file that does not load and an error outside of any test count as
// failures, and a run without a single test is one too: nothing was proved.

import { parseCLI, startVitest, type TestModule, type Vitest } from 'vitest/node';
import { ROOT_DIR } from './root.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const counts = await run(process.argv.slice(2));
if (counts.passed + counts.failed === 0) {
  process.stderr.write('No test ran: give a part of a path that exists, or no filter at all.\n');
}
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;

async function run(args: readonly string[]): Promise<Counts> {
  const { filter, options } = parseCLI(['vitest', 'run', ...args]);
  const vitest = await startVitest(filter, {
    ...options,
    root: ROOT_DIR,
    watch: false,
    run: true,
    reporters: [['default', { summary: false }]],
  });
  const counts = count(vitest);
  await vitest.close();
  return counts;
}

function count(vitest: Vitest): Counts {
  const modules = vitest.state.getTestModules();
  let passed = 0;
  let failed = vitest.state.getUnhandledErrors().length;
  for (const testModule of modules) {
    const ofModule = countModule(testModule);
    passed += ofModule.passed;
    failed += ofModule.failed;
  }
  return { passed, failed };
}

/** A module or a suite that failed by itself (it does not load, a hook threw) is one failure more. */
function countModule(testModule: TestModule): Counts {
  let passed = 0;
  let failed = testModule.errors().length > 0 ? 1 : 0;
  for (const suite of testModule.children.allSuites()) {
    if (suite.errors().length > 0) failed += 1;
  }
  for (const test of testModule.children.allTests()) {
    const { state } = test.result();
    if (state === 'passed') passed += 1;
    if (state === 'failed') failed += 1;
  }
  if (failed === 0 && testModule.state() === 'failed') failed = 1;
  return { passed, failed };
}
