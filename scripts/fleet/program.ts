/*
 * Real processes that we started: their lines, waiting for one of them, their end. Everything that was started is
 * known until it ended, so that a script or a test that fails half way leaves nothing behind (`endEverything`), nor one
 * that crashes: then it is killed.
 */
import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  type SpawnOptions,
  spawn,
} from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { FleetError } from './fleet-error.ts';

export interface ProgramOptions {
  /** In messages, and before its lines where they are echoed. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly onLine?: (line: string) => void;
}

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A crash loop must not fill the memory of whoever watches it; the newest lines are kept. */
const LINES_MAX = 20_000;
const LINES_SHOWN = 30;
/** Longer than any grace of our programs (launcher: 40 s). */
const STOP_MS = 50_000;

const running = new Set<Program>();
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) killGroup(child);
});

export class Program {
  readonly name: string;
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<(line: string | null) => void>();
  #dropped = 0;
  #end: ProgramEnd | null = null;

  constructor(options: ProgramOptions) {
    this.name = options.name;
    this.#child = spawnChild(options);
    running.add(this);
    this.ended = new Promise((resolve) => {
      const end = (found: ProgramEnd) => {
        this.#end ??= found;
        running.delete(this);
        for (const listener of this.#listeners) listener(null);
        resolve(this.#end);
      };
      this.#child.once('error', (error) => {
        this.#take(`cannot start ${options.command}: ${error.message}`, options.onLine);
        end({ code: 127, signal: null });
      });
      // Not `exit`: its last words may still be on their way then.
      this.#child.once('close', (code, signal) => end({ code, signal }));
    });
    this.#read(this.#child.stdout, options.onLine);
    this.#read(this.#child.stderr, options.onLine);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get end(): ProgramEnd | null {
    return this.#end;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** A place in the output: give it to `waitForLine` to look at what comes after it only. */
  mark(): number {
    return this.#dropped + this.#lines.length;
  }

  /** The first line that fits, from the start or from a mark on. Rejects when the program ends or the time is over. */
  async waitForLine(
    pattern: RegExp,
    options: { readonly timeoutMs?: number; readonly from?: number } = {},
  ): Promise<string> {
    const from = Math.max(0, (options.from ?? 0) - this.#dropped);
    const found = this.#lines.slice(from).find((line) => pattern.test(line));
    if (found !== undefined) return found;
    const timeoutMs = options.timeoutMs ?? 30_000;
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        act();
      };
      const listener = (line: string | null) => {
        if (line === null) settle(() => reject(this.failure(`ended before ${pattern}`)));
        else if (pattern.test(line)) settle(() => resolve(line));
      };
      const timer = setTimeout(
        () => settle(() => reject(this.failure(`said nothing like ${pattern} in ${timeoutMs} ms`))),
        timeoutMs,
      );
      this.#listeners.add(listener);
      if (this.#end !== null) listener(null);
    });
  }

  signal(name: NodeJS.Signals): void {
    if (this.#end === null) this.#child.kill(name);
  }

  /** SIGKILL, and the end awaited. */
  async kill(): Promise<ProgramEnd> {
    this.signal('SIGKILL');
    return await this.ended;
  }

  /** An ordered stop; killed when it takes too long, which is an error. */
  async stop(): Promise<ProgramEnd> {
    if (this.#end !== null) return this.#end;
    this.signal('SIGTERM');
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      killGroup(this.#child);
    }, STOP_MS);
    const end = await this.ended;
    clearTimeout(timer);
    if (isLate) throw this.failure(`did not stop within ${STOP_MS} ms and was killed`);
    return end;
  }

  failure(what: string): FleetError {
    return new FleetError(`${this.name} ${what}; its last lines:`, this.tail());
  }

  /** The last lines, for messages. */
  tail(): string {
    return this.#lines.slice(-LINES_SHOWN).join('\n');
  }

  #read(stream: Readable, onLine: ProgramOptions['onLine']): void {
    stream.on('error', () => undefined);
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) =>
      this.#take(line, onLine),
    );
  }

  #take(line: string, onLine: ProgramOptions['onLine']): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) {
      this.#lines.shift();
      this.#dropped += 1;
    }
    onLine?.(line);
    for (const listener of this.#listeners) listener(line);
  }
}

export function startProgram(options: ProgramOptions): Program {
  return new Program(options);
}

export interface Ran extends ProgramEnd {
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told each line of standard error as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** Runs a program to its end. Killed when that takes longer than `timeoutMs`, or when `signal` says so. */
export function runToEnd(options: Omit<ProgramOptions, 'onLine'> & RunOptions): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawnChild(options, {
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
      signal: options.signal,
    });
    const { onLine } = options;
    if (onLine !== undefined) createInterface({ input: child.stderr }).on('line', onLine);
    const texts = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      texts.stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      texts.stderr += chunk;
    });
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, ...texts }));
  });
}

function spawnChild(
  options: Omit<ProgramOptions, 'onLine'>,
  limits: Pick<SpawnOptions, 'timeout' | 'killSignal' | 'signal'> = {},
): ChildProcessWithoutNullStreams {
  const child = spawn(options.command, [...options.args], {
    ...limits,
    cwd: options.cwd ?? '/',
    env: options.env ?? {},
    // Open while we live: programs that were told `--end-with-stdin` end with us, also when we are killed.
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C in a terminal reaches whoever started us, and he ends what he started, in his order.
    detached: true,
  });
  child.stdin.on('error', () => undefined);
  children.add(child);
  for (const event of ['error', 'exit']) child.once(event, () => children.delete(child));
  return child;
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It ended just now.
  }
}

/** Everything that was started and has not ended: stopped, or killed where that does not help. */
export async function endEverything(): Promise<void> {
  await Promise.all(
    [...running].map(async (program) => {
      try {
        await program.stop();
      } catch {
        await program.kill();
      }
    }),
  );
}
