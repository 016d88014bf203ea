import { systemClock } from '@moult/runtime/clock';
import { runProgram } from '@moult/runtime/program';
import { readInvocation } from './config/invocation.ts';
import { tellFailure } from './failure.ts';
import { runMoult } from './program.ts';

/** A coordinator that was told to stop says goodbye to its agents first. */
const GRACE_MS = 30_000;

const invocation = readInvocation();

runProgram({
  main: (stop) => runMoult({ invocation, stop, clock: systemClock }),
  onFailure: (error) =>
    void tellFailure(error, {
      screen: invocation.screen,
      isDebugging: invocation.variable('MOULT_DEBUG') === '1',
    }),
  graceMs: GRACE_MS,
});
