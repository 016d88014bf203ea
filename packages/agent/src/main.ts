/* The program in a slot: lib/agent.cjs. What the first second does not need is loaded later. */
import { EXIT } from '@moult/core/boot';
import { layoutOf } from '@moult/core/layout';
import { openLogger } from '@moult/runtime/logger';
import { runProgram } from '@moult/runtime/program';
import { parseArguments } from './arguments.ts';
import { readInvocation } from './config/invocation.ts';

declare const __MOULT_VERSION__: string | undefined;

/** In a checkout there is no version; a real slot's comes from the launcher. */
const VERSION: string =
  typeof __MOULT_VERSION__ === 'string' ? __MOULT_VERSION__ : '0.0.0-checkout';
/** Longer than an ordered end takes with tasks that ignore it, shorter than the grace that the launcher gives. */
const GRACE_MS = 25_000;

const log = openLogger({ level: 'info', name: 'agent' });

runProgram({
  graceMs: GRACE_MS,
  onFailure: (error) => {
    // Only a defect is for those who read stacks.
    const err = error.code === 'internal' ? (error.cause ?? error) : undefined;
    log.error(error.message, { code: error.code, remedy: error.remedy, err });
  },
  main: async (stop) => {
    const given = parseArguments(readInvocation().argv);
    if (given.kind === 'version') {
      process.stdout.write(`${VERSION}\n`);
      return EXIT.stop;
    }
    const layout = layoutOf(given.root);
    const { runAgent, runProbe, runRehearsal } = await import('./run.ts');
    const run = { run: runAgent, probe: runProbe, rehearse: runRehearsal }[given.kind];
    return run({ layout, root: given.root, flags: given.flags, version: VERSION, stop });
  },
});
