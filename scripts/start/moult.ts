// Runs the real program, `./moult`, as a person would, and gives what it said.

import { spawn } from 'node:child_process';
import { DemoError } from './demo-error.ts';

export interface Said {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

export interface MoultOptions {
  readonly input?: string;
  /** Told each line of standard error as it comes. */
  readonly onLine?: (line: string) => void;
}

const LINES_SHOWN = 12;

export class Moult {
  readonly #programPath: string;
  readonly #workDir: string;
  readonly #stop: AbortSignal;
  readonly environment: Readonly<Record<string, string>>;

  constructor(options: {
    readonly programPath: string;
    readonly workDir: string;
    readonly environment: Readonly<Record<string, string>>;
    /** Ends whatever runs. */
    readonly stop: AbortSignal;
  }) {
    this.#programPath = options.programPath;
    this.#workDir = options.workDir;
    this.#stop = options.stop;
    this.environment = options.environment;
  }

  command(args: readonly string[]): readonly string[] {
    return [this.#programPath, ...args];
  }

  /** Runs it to its end; the exit code is the caller's to judge. */
  run(args: readonly string[], options: MoultOptions = {}): Promise<Said> {
    const child = spawn(this.#programPath, args, {
      cwd: this.#workDir,
      env: { ...this.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
      // Ctrl-C is ours to pass on.
      detached: true,
      signal: this.#stop,
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    return new Promise((resolve, reject) => {
      let out = '';
      let err = '';
      let rest = '';
      child.stdout.on('data', (chunk) => {
        out += String(chunk);
      });
      child.stderr.on('data', (chunk) => {
        err += String(chunk);
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) options.onLine?.(line);
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ exitCode: code ?? 1, out, err }));
    });
  }

  /** Runs it and wants 0. */
  async done(args: readonly string[], options: MoultOptions = {}): Promise<string> {
    const said = await this.run(args, options);
    if (said.exitCode === 0) return said.out;
    throw new DemoError(
      `\`moult ${args.join(' ')}\` ended with ${said.exitCode}`,
      said.err.trimEnd().split('\n').slice(-LINES_SHOWN),
    );
  }

  /** Runs it with `-o json` and wants 0. */
  async json<T>(args: readonly string[], options: MoultOptions = {}): Promise<T> {
    return JSON.parse(await this.done([...args, '-o', 'json'], options)) as T;
  }
}
