import { systemClock } from '@moult/runtime/clock';
import { runProgram } from '@moult/runtime/program';
import { readInvocation } from './config/invocation.ts';
import { tellFailure } from './failure.ts';
import { runMoult } from './program.ts';

/** A coordinator says goodbye to its agents first; a launcher may take 45 s, and nobody else ends one that does not. */
const GRACE_MS = 50_000;

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
