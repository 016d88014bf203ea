// `npm start`: the whole product on this machine. Builds releases, starts a coordinator and three agents under real
// launchers, upgrades them, orders a release that crashes, and shows that nobody is harmed. Runs until Ctrl-C;
// `npm start -- --once` ends by itself with 0, or with 1 if anything was not as it should be. Nothing is left behind.

import { constants } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT_DIR } from './root.ts';
import { DemoError } from './start/demo-error.ts';
import { type DemoRoot, takeDemoRoot } from './start/demo-root.ts';
import { Moult } from './start/moult.ts';
import { playOnLines } from './start/play-on.ts';
import { Processes } from './start/processes.ts';
import { Screen } from './start/screen.ts';
import { tellStory } from './start/story.ts';

const USAGE = 'Use: npm start [-- --once]';
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const SIGNAL_EXIT_BASE = 128;

const screen = new Screen();
process.exitCode = await main();

async function main(): Promise<number> {
  const isOnce = onceAsked(process.argv.slice(2));
  if (isOnce === null) return 2;
  const root = takeDemoRoot(ROOT_DIR);
  const failed = pending<never>();
  const stopped = pending<number>();
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => stopped.resolve(SIGNAL_EXIT_BASE + constants.signals[signal]));
  }
  const processes = new Processes((error) => failed.reject(error));
  const ending = new AbortController();
  const told = tell({ root, processes, isOnce, stop: ending.signal });
  // Whichever loses the race must not be an unhandled failure.
  const settled = told.then(
    () => undefined,
    () => undefined,
  );
  try {
    const first = await Promise.race([told, stopped.promise, failed.promise]);
    if (first !== null) return first;
    if (isOnce) return 0;
    await Promise.race([stopped.promise, failed.promise]);
    return 0;
  } catch (error) {
    tellFailure(error);
    return 1;
  } finally {
    ending.abort();
    await settled;
    await cleanUp(root, processes);
  }
}

interface Pending<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function pending<T>(): Pending<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  // Nobody may be waiting yet, or any more.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** Null when the story was told to its end. */
async function tell(options: {
  readonly root: DemoRoot;
  readonly processes: Processes;
  readonly isOnce: boolean;
  readonly stop: AbortSignal;
}): Promise<null> {
  const { root, processes, isOnce, stop } = options;
  const moult = new Moult({
    programPath: join(ROOT_DIR, 'moult'),
    workDir: root.dir,
    stop,
    environment: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? root.dir,
      LANG: process.env['LANG'] ?? 'C.UTF-8',
      NO_COLOR: '1',
      XDG_CONFIG_HOME: join(root.dir, 'config'),
    },
  });
  await tellStory({ checkoutDir: ROOT_DIR, dir: root.dir, moult, processes, screen });
  if (isOnce) return null;
  for (const line of playOnLines({ checkoutDir: ROOT_DIR, dir: root.dir })) screen.line(line);
  return null;
}

function tellFailure(error: unknown): void {
  if (!(error instanceof DemoError)) {
    screen.error(`\nThe demo failed: ${error instanceof Error ? error.stack : String(error)}`);
    return;
  }
  screen.error(`\nNot as it should be: ${error.message}`);
  for (const line of error.details) screen.error(`  ${line}`);
}

async function cleanUp(root: DemoRoot, processes: Processes): Promise<void> {
  screen.live('ending agents and coordinator');
  const killed = await processes.stop();
  for (const name of killed) screen.error(`${name} did not end when asked, and was killed`);
  if (killed.length > 0) process.exitCode = 1;
  root.remove();
  screen.line('Ended; nothing is left behind.');
}

function onceAsked(args: readonly string[]): boolean | null {
  try {
    const { values } = parseArgs({ args: [...args], options: { once: { type: 'boolean' } } });
    return values.once === true;
  } catch (error) {
    screen.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    return null;
  }
}
