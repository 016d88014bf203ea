/*
 * The life of one of our processes: run until the work ends or a signal asks it to stop, then exit with a code.
 * The only place that calls process.exit and installs signal handlers.
 */
import { setImmediate } from 'node:timers/promises';
import { codedErrorFrom } from '@moult/core/errors';

export interface ProgramOptions {
  /**
   * Done first, while no signal is caught: one that comes ends the process at once, as any other. For what may end in execve,
   * with which signals that were caught and not yet handled are lost.
   */
  readonly prelude?: () => Promise<void>;
  /** Does the program's work; the signal aborts on SIGTERM, SIGINT or SIGHUP. Resolves to the exit code. */
  readonly main: (stop: AbortSignal) => Promise<number>;
  /** Told of a failure that ended the program, before it exits with 1. */
  readonly onFailure: (error: ReturnType<typeof codedErrorFrom>) => void;
  /** After a stop was asked for, the process ends at the latest after this many ms. */
  readonly graceMs: number;
}

const EXIT_FAILURE = 1;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export function runProgram(options: ProgramOptions): void {
  const fail = (caught: unknown) => {
    options.onFailure(codedErrorFrom(caught));
    process.exit(EXIT_FAILURE);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  // Work that nobody can end any more would end the process with 0, which says that all is well.
  process.on('beforeExit', () => fail(new Error('nothing is left that could end the work')));
  const run = () => options.main(stopSignal(options.graceMs));
  const { prelude } = options;
  const ended = prelude === undefined ? run() : prelude().then(run);
  ended.then((code) => process.exit(code), fail);
}

function stopSignal(graceMs: number): AbortSignal {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (stop.signal.aborted) return;
    stop.abort(new StopRequested(name));
    setTimeout(() => process.exit(EXIT_FAILURE), graceMs).unref();
  };
  for (const name of STOP_SIGNALS) process.on(name, onSignal);
  return stop.signal;
}

/**
 * Becomes another program (execve), for one that has caught signals already. Returns if it was asked to stop, or there is no execve
 * here. What comes from then on ends the process: node takes some 20 ms for the change, and whatever it catches meanwhile is lost.
 */
export async function becomeProgram(
  program: { readonly path: string; readonly argv: readonly string[] },
  more: { readonly env: Readonly<Record<string, string>>; readonly stop: AbortSignal },
): Promise<void> {
  // What was caught, and not yet handled, is handled first.
  await setImmediate();
  if (more.stop.aborted || process.execve === undefined) return;
  for (const name of STOP_SIGNALS) process.removeAllListeners(name);
  process.execve(program.path, program.argv, { ...more.env });
}

export class StopRequested extends Error {
  override readonly name: string = 'StopRequested';

  constructor(signal: string) {
    super(`asked to stop by ${signal}`);
  }
}
