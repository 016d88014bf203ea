// The demo's processes: started with their output in a log file, each in a process group of its own so that Ctrl-C
// reaches them through us alone, in order. Their standard input is a pipe: when this process ends, however it
// ends, they end too.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { DemoError } from './demo-error.ts';

export interface Started {
  readonly name: string;
  readonly pid: number;
  readonly logPath: string;
}

interface Tracked extends Started {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  isEnded: boolean;
}

/** The launcher gives its agent 90 s; a demo that takes so long is broken. */
const STOP_MS = 30_000;
const LOG_LINES_SHOWN = 12;

export class Processes {
  readonly #tracked: Tracked[] = [];
  #isStopping = false;
  readonly #onUnexpectedEnd: (error: DemoError) => void;

  constructor(onUnexpectedEnd: (error: DemoError) => void) {
    this.#onUnexpectedEnd = onUnexpectedEnd;
    // The last thing that a crash of this script does.
    process.on('exit', () => this.#killAll());
  }

  start(options: {
    readonly name: string;
    readonly command: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    readonly logPath: string;
  }): Started {
    const { name, logPath } = options;
    const [program = '', ...args] = options.command;
    const log = openSync(logPath, 'a');
    const child = spawn(program, args, {
      detached: true,
      stdio: ['pipe', log, log],
      env: { ...options.environment },
    });
    closeSync(log);
    child.stdin?.on('error', () => undefined);
    const tracked: Tracked = {
      name,
      pid: child.pid ?? 0,
      logPath,
      child,
      isEnded: false,
      ended: new Promise((resolve) => {
        child.once('error', () => resolve());
        child.once('exit', () => resolve());
      }),
    };
    this.#tracked.push(tracked);
    void tracked.ended.then(() => this.#ended(tracked));
    return tracked;
  }

  /** Last started first; resolves when all are gone. Names those that had to be killed. */
  async stop(): Promise<readonly string[]> {
    this.#isStopping = true;
    const killed: string[] = [];
    const [first, ...others] = this.#tracked;
    // The coordinator was first; the agents say goodbye to it.
    await Promise.all(others.map((tracked) => stopOne(tracked, killed)));
    if (first !== undefined) await stopOne(first, killed);
    return killed;
  }

  #ended(tracked: Tracked): void {
    tracked.isEnded = true;
    if (this.#isStopping) return;
    this.#onUnexpectedEnd(
      new DemoError(`${tracked.name} ended by itself`, lastLinesOf(tracked.logPath)),
    );
  }

  #killAll(): void {
    for (const { child, isEnded } of this.#tracked) if (!isEnded) killGroup(child);
  }
}

async function stopOne(tracked: Tracked, killed: string[]): Promise<void> {
  if (tracked.isEnded) return;
  tracked.child.kill('SIGTERM');
  const timer = setTimeout(() => {
    killed.push(tracked.name);
    killGroup(tracked.child);
  }, STOP_MS);
  await tracked.ended;
  clearTimeout(timer);
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It ended just now.
  }
}

export function lastLinesOf(logPath: string): readonly string[] {
  try {
    return readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN);
  } catch {
    return [];
  }
}
