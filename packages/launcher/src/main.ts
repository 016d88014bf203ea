import { STOP_GRACE_MS } from '@moult/core/boot';
import { runProgram } from '@moult/runtime/program';
import { readInvocation } from './config/invocation.ts';
import { openLog } from './log.ts';
import { becomeChosenFirst, launcherMain } from './program.ts';

/** Killing the agent after its grace, and saving, take a moment of their own. */
const MARGIN_MS = 10_000;

const invocation = readInvocation();

runProgram({
  prelude: () => becomeChosenFirst(invocation.argv),
  main: (stop) => launcherMain(invocation, stop),
  onFailure: (error) => openLog().error(error.message, { code: error.code, remedy: error.remedy }),
  graceMs: STOP_GRACE_MS + MARGIN_MS,
});
