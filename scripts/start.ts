// `npm start`: the whole product on this machine. Builds releases, starts a coordinator and three agents under real
// launchers, upgrades them, orders a release that crashes, and shows that nobody is harmed. Runs until Ctrl-C;
// `npm start -- --once` ends by itself with 0, or with 1 if anything was not as it should be. Nothing is left behind.

import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { FleetError } from './fleet/fleet-error.ts';
import { ROOT_DIR } from './root.ts';
import { type DemoRoot, takeDemoRoot } from './start/demo-root.ts';
import { Fleet } from './start/fleet.ts';
import { playOnLines } from './start/play-on.ts';
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
  const stopped = new Promise<number>((resolve) => {
    for (const signal of STOP_SIGNALS) {
      process.on(signal, () => resolve(SIGNAL_EXIT_BASE + constants.signals[signal]));
    }
  });
  let onUnexpectedEnd: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    onUnexpectedEnd = reject;
  });
  // Nobody may be waiting yet, or any more.
  failed.catch(() => undefined);
  const ending = new AbortController();
  const { signal } = ending;
  const fleet = new Fleet({ root, signal, onUnexpectedEnd });
  const told = tellStory({ fleet, screen, signal }).then(() => null);
  // Whichever loses the race must not be an unhandled failure.
  const settled = told.then(
    () => undefined,
    () => undefined,
  );
  let exitCode = 0;
  try {
    const first = await Promise.race([told, stopped, failed]);
    if (first !== null) {
      exitCode = first;
    } else if (!isOnce) {
      for (const line of playOnLines({ checkoutDir: ROOT_DIR, dir: root.dir })) screen.line(line);
      await Promise.race([stopped, failed]);
    }
  } catch (error) {
    tellFailure(error);
    exitCode = 1;
  }
  ending.abort();
  await settled;
  return (await cleanUp(root, fleet)) ? exitCode : 1;
}

function tellFailure(error: unknown): void {
  if (error instanceof FleetError) {
    screen.error(`\nNot as it should be: ${error.message.replaceAll('\n', '\n  ')}`);
    return;
  }
  screen.error(`\nThe demo failed: ${error instanceof Error ? error.stack : String(error)}`);
}

/** Whether everything ended as it should. */
async function cleanUp(root: DemoRoot, fleet: Fleet): Promise<boolean> {
  screen.live('ending agents and coordinator');
  const failures = await fleet.stop();
  for (const failure of failures) tellFailure(failure);
  root.remove();
  screen.line('Ended; nothing is left behind.');
  return failures.length === 0;
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
