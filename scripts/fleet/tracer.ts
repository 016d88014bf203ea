/*
 * strace on processes that run already, and on all that they start: told of each call with its result as it returns.
 * It can hold the caller until it was listened to (a SIGSTOP that takes effect before the call returns, and a SIGCONT
 * from here), so that nothing happens on the other side of the n-th call; and it can make calls fail.
 *
 * What counts calls is here and not strace's own `when=`: that counts for each thread, and Node's file calls are
 * made by whichever thread of its pool is free.
 */
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { signalPid } from './processes.ts';
import { type Program, startProgram } from './program.ts';
import { readTraceLine, type TracedCall } from './trace-line.ts';
import { until } from './until.ts';

export interface TracerOptions {
  readonly pids: readonly number[];
  /** Names of system calls; others are not seen. */
  readonly calls: readonly string[];
  /** Each caller stops before its call returns; `onCall` says whether it goes on. Else `onCall` is told a little later. */
  readonly holds?: boolean;
  /** Name of an error (`EIO`): each of the calls fails with it, and is not made. */
  readonly error?: string;
  /** False: the caller stays where it is, and so does every other. */
  readonly onCall?: (call: TracedCall) => boolean;
}

const ATTACH_MS = 20_000;

/** Whether this machine has what `Tracer` needs. */
export async function hasTracer(): Promise<boolean> {
  const dirs = (process.env['PATH'] ?? '').split(delimiter);
  const found = await Promise.allSettled(dirs.map((dir) => access(join(dir, 'strace'))));
  return found.some(({ status }) => status === 'fulfilled');
}

export class Tracer {
  readonly #options: TracerOptions;
  readonly #program: Program;
  /** A call that was begun in one line and ends in another, by thread. */
  readonly #begun = new Map<number, string>();
  /** Threads that a held call stopped. */
  readonly #held = new Set<number>();
  #goesOn = true;

  private constructor(options: TracerOptions) {
    this.#options = options;
    this.#program = startProgram({
      name: 'strace',
      command: 'strace',
      args: argumentsOf(options),
      env: { PATH: process.env['PATH'] ?? '' },
      onLine: (line) => this.#take(line),
    });
  }

  /** Resolves when every process is traced, all its threads included. */
  static async attach(options: TracerOptions): Promise<Tracer> {
    const tracer = new Tracer(options);
    const program = tracer.#program;
    const isAttached = (pid: number) => program.lines.some((line) => attached(pid).test(line));
    await until(
      'strace is attached',
      () => {
        if (program.end !== null) throw program.failure('ended before it was attached');
        return options.pids.every(isAttached);
      },
      { timeoutMs: ATTACH_MS, detail: () => program.tail() },
    );
    return tracer;
  }

  /** All go on without it. */
  async detach(): Promise<void> {
    this.#goesOn = true;
    await this.#program.stop();
    for (const thread of this.#held) signalPid(thread, 'SIGCONT');
    this.#held.clear();
  }

  #take(line: string): void {
    const read = readTraceLine(line, this.#begun);
    if (read === null) return;
    if (read.kind === 'called') {
      if (this.#options.onCall?.(read.call) === false) this.#goesOn = false;
      return;
    }
    this.#held.add(read.thread);
    if (!this.#goesOn) return;
    signalPid(read.thread, 'SIGCONT');
    this.#held.delete(read.thread);
  }
}

function attached(pid: number): RegExp {
  return new RegExp(`Process ${pid} attached`);
}

function argumentsOf(options: TracerOptions): readonly string[] {
  const { pids, calls, holds, error } = options;
  const set = calls.join(',');
  return [
    '-f',
    // Paths of descriptors; no data of what is read or written.
    ...['-y', '-s', '0'],
    // Through a pipe of its own, where each line begins with its thread.
    ...['-o', '|exec cat'],
    ...['-e', `trace=${set}`, '-e', 'signal=SIGSTOP'],
    ...(holds === true ? ['-e', `inject=${set}:signal=SIGSTOP`] : []),
    ...(error === undefined ? [] : ['-e', `inject=${set}:error=${error}`]),
    ...pids.flatMap((pid) => ['-p', String(pid)]),
  ];
}
